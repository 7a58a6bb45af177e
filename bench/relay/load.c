/*
 * Load for a circuit relay: many peers of one process reserve there, some call others over it, and every byte is sent
 * back and compared. See --help.
 *
 *     relay: start --> reserve --> idle --> call --> flows --> one JSON object on stdout
 */
#include <getopt.h>
#include <minke/minke.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "peers.h"
#include "plain.h"
#include "process.h"

static const char help[] =
    "usage: relay-load [options] RELAY            a multiaddr that ends with /p2p/..\n"
    "       relay-load [options] --plain PORT     the same bytes over TCP through relay-splice\n"
    "\n"
    "  --peers N       that reserve (1000); every two of the first ones share a circuit\n"
    "  --circuits N    open and busy at once (200)\n"
    "  --bytes N       that each circuit moves each way (65536)\n"
    "  --window N      a circuit has at most so many bytes on their way there and back; 0: as many as fit (0)\n"
    "  --idle SECONDS  between the last reservation and the first circuit (3)\n"
    "  --by-hand       circuits carry the bytes as they are, not a connection with Noise and yamux of its own\n"
    "  --pid PID       the relay's, or the splice's: its processor time and memory are reported\n"
    "  --stats FILE    where the relay writes its --json --stats 1: the memory that it counts is reported\n"
    "  --limit SECONDS for all of it (120)\n"
    "\n"
    "Ends with 0 if every reservation was held, every circuit opened, and every byte came back as it was sent.\n";

typedef struct load {
    const char *relay, *stats;
    long splice_port, peers, circuits, bytes, window, idle_s, pid, limit_s;
    bool by_hand;
} load_t;

/* What the relay has used and held at one moment. */
typedef struct moment {
    double at, cpu_s, resident, memory, own_cpu_s;
} moment_t;

static moment_t look(const load_t *load)
{
    const pid_t pid = (pid_t)load->pid;
    return (moment_t){.at = now_s(),
                      .cpu_s = process_cpu_s(pid),
                      .resident = process_resident(pid),
                      .memory = load->stats != NULL ? process_memory_stats(load->stats) : 0,
                      .own_cpu_s = process_cpu_s(getpid())};
}

static long number(const char *text)
{
    char *end;
    const long value = strtol(text, &end, 10);
    if (*end == 0 && end != text && value >= 0) return value;
    (void)fprintf(stderr, "relay-load: not a number: %s\n", text);
    exit(2);
}

static void raise_limit_of_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0) return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

/* ---- figures */

/* A byte that goes and comes back has passed the relay twice. */
static void print_flows(const load_t *load, const moment_t *from, const moment_t *to, double gigabytes)
{
    const double seconds = to->at - from->at, cpu_s = to->cpu_s - from->cpu_s;
    if (load->window > 0) { /* each window is a message that goes, and one that comes back */
        (void)printf("\"window\":%ld,\"cpu_us_per_message\":%.2f,", load->window,
                     gigabytes > 0 ? cpu_s * 1e6 / (gigabytes * 1e9 / (double)load->window) : 0);
    }
    (void)printf("\"bytes_each_way\":%ld,\"gigabytes\":%.6f,\"seconds\":%.3f,\"mb_per_s\":%.1f,\"cpu_s\":%.2f,"
                 "\"cpu_s_per_gb\":%.3f,\"busy\":%.3f,\"load_cpu_s\":%.2f",
                 load->bytes, gigabytes, seconds, gigabytes * 1e3 / seconds, cpu_s,
                 gigabytes > 0 ? cpu_s / gigabytes : 0, cpu_s / seconds, to->own_cpu_s - from->own_cpu_s);
}

static double gigabytes_of(const load_t *load, unsigned circuits)
{
    return 2.0 * (double)load->bytes * (double)circuits / 1e9;
}

/* ---- over a relay */

typedef struct relay_moments {
    moment_t start, reserved, idle, open, done;
    double called_at;
} relay_moments_t;

/* Longer than the relay's figures are old. */
static const double settle_s = 1.5;

static void run_phases(const load_t *load, peers_t *all, relay_moments_t *m)
{
    const double until = now_s() + (double)load->limit_s;
    if (load->stats != NULL) peers_idle(all, now_s() + settle_s);
    m->start = look(load);
    peers_reserve(all, until);
    m->reserved = look(load);
    peers_idle(all, m->reserved.at + (double)load->idle_s);
    m->idle = look(load);
    peers_call(all, until);
    m->called_at = now_s();
    peers_idle(all, m->called_at + settle_s); /* so that what set-up has left behind is not counted with the bytes */
    m->open = look(load);
    peers_run_flows(all, until);
    m->done = look(load);
}

static double each(double from, double to, unsigned n) { return n > 0 ? (to - from) / n : 0; }

static void print_memory(const load_t *load, const relay_moments_t *m, unsigned reservations, unsigned circuits)
{
    (void)printf("\"resident_start\":%.0f,\"resident_reserved\":%.0f,\"resident_open\":%.0f,\"resident_peak\":%.0f,"
                 "\"resident_per_reservation\":%.0f,\"memory_per_reservation\":%.0f,\"memory_per_circuit\":%.0f,"
                 "\"resident_per_busy_circuit\":%.0f,",
                 m->start.resident, m->idle.resident, m->open.resident, process_resident_peak((pid_t)load->pid),
                 each(m->start.resident, m->idle.resident, reservations),
                 each(m->start.memory, m->idle.memory, reservations), each(m->idle.memory, m->open.memory, circuits),
                 each(m->open.resident, process_resident_peak((pid_t)load->pid), circuits));
}

static void print_relay(const load_t *load, const peers_t *all, const relay_moments_t *m)
{
    const double idle_s = m->idle.at - m->reserved.at;
    (void)printf("{\"event\":\"load\",\"through\":\"relay\",\"manner\":\"%s\",\"reservations\":%u,\"circuits\":%u,"
                 "\"complete\":%u,\"errors\":%u,",
                 all->manner->name, all->reserved, all->open / 2, all->done, all->errors);
    (void)printf("\"reserve_s\":%.3f,\"reserve_cpu_ms\":%.3f,\"idle_s\":%.1f,\"idle_cpu\":%.5f,\"call_s\":%.3f,",
                 m->reserved.at - m->start.at, each(m->start.cpu_s, m->reserved.cpu_s, all->reserved) * 1e3, idle_s,
                 idle_s > 0 ? (m->idle.cpu_s - m->reserved.cpu_s) / idle_s : 0, m->called_at - m->idle.at);
    print_memory(load, m, all->reserved, all->open / 2);
    print_flows(load, &m->open, &m->done, gigabytes_of(load, all->done));
    (void)printf("}\n");
}

static int run_relay(const load_t *load)
{
    relay_moments_t moments;
    peers_t *all = peers_new(load->by_hand ? &by_hand : &through_hosts, load->relay, (unsigned)load->peers,
                             (unsigned)load->circuits, (uint64_t)load->bytes, (uint64_t)load->window);
    if (all == NULL) {
        (void)fprintf(stderr, "relay-load: %ld peers cannot be made: memory, or descriptors (ulimit -n)\n",
                      load->peers);
        return 3;
    }
    run_phases(load, all, &moments);
    print_relay(load, all, &moments);
    if (all->errors > 0) (void)fprintf(stderr, "relay-load: %s\n", all->first_error);
    const bool good = all->errors == 0 && all->reserved == all->n && all->done == all->circuits;
    peers_free(all);
    return good ? 0 : 1;
}

/* ---- over plain TCP */

static int run_plain(const load_t *load)
{
    const double until = now_s() + (double)load->limit_s;
    plain_t *plain = plain_open((uint16_t)load->splice_port, (unsigned)load->circuits, (uint64_t)load->bytes,
                                (uint64_t)load->window);
    if (plain == NULL) {
        perror("relay-load: no connections through the splice");
        return 3;
    }
    const moment_t open = look(load);
    const unsigned complete = plain_run(plain, until);
    const moment_t done = look(load);
    (void)printf("{\"event\":\"load\",\"through\":\"splice\",\"circuits\":%ld,\"complete\":%u,", load->circuits,
                 complete);
    print_flows(load, &open, &done, gigabytes_of(load, complete));
    (void)printf("}\n");
    plain_free(plain);
    return complete == (unsigned)load->circuits ? 0 : 1;
}

/* ---- */

static int parse(int argc, char **argv, load_t *load)
{
    static const struct option known[] = {
        {"peers", required_argument, NULL, 'n'},  {"circuits", required_argument, NULL, 'c'},
        {"window", required_argument, NULL, 'w'}, {"bytes", required_argument, NULL, 'b'},
        {"idle", required_argument, NULL, 'i'},   {"by-hand", no_argument, NULL, 'y'},
        {"plain", required_argument, NULL, 'p'},  {"pid", required_argument, NULL, 'P'},
        {"stats", required_argument, NULL, 's'},  {"limit", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        switch (c) {
        case 'n': load->peers = number(optarg); break;
        case 'c': load->circuits = number(optarg); break;
        case 'b': load->bytes = number(optarg); break;
        case 'w': load->window = number(optarg); break;
        case 'i': load->idle_s = number(optarg); break;
        case 'y': load->by_hand = true; break;
        case 'p': load->splice_port = number(optarg); break;
        case 'P': load->pid = number(optarg); break;
        case 's': load->stats = optarg; break;
        case 'l': load->limit_s = number(optarg); break;
        case 'h': (void)fputs(help, stdout); return 0;
        default: return 2;
        }
    }
    if (optind < argc) load->relay = argv[optind];
    const bool sensible = load->splice_port > 0 ? load->splice_port < 65536 : load->relay != NULL;
    if (sensible && load->peers > 0 && load->circuits <= load->peers / 2 && load->bytes > 0) return -1;
    (void)fputs(help, stderr);
    return 2;
}

int main(int argc, char **argv)
{
    load_t load = {.peers = 1000, .circuits = 200, .bytes = 65536, .idle_s = 3, .limit_s = 120};
    const int code = parse(argc, argv, &load);
    if (code >= 0) return code;
    raise_limit_of_files();
    return load.splice_port > 0 ? run_plain(&load) : run_relay(&load);
}
