#include "serving.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "serve.h"

const char cli_serving_help[] =
    "  --announce ADDR   print and tell peers this address instead of the interfaces' own; may be repeated\n"
    "  --max-connections N\n"
    "                    peers at once (default 4096)\n"
    "  --max-connections-per-address N\n"
    "                    of these, from one IPv4 address or IPv6 /64 (default 64)\n"
    "  --max-memory BYTES\n"
    "                    for all of them; K, M and G are powers of 1024 (default 1G; at least 4M)\n"
    "  --key FILE        the identity; made if it does not exist (default: a new one at every start)\n"
    "  --ca FILE         authorities to trust besides the system's, for relays that are reached by wss\n"
    "  --dns SERVERS     ask these for names, such as 127.0.0.1:5353, instead of the system's\n"
    "  --stun IP:PORT    ask this server for our address as others see it, for /p2p-circuit/webrtc; may be repeated\n"
    "  --congestion NAME what decides how fast we send over WebRTC: cubic (the default), newreno, or bbr, for paths "
    "that\n"
    "                    lose packets without being full\n"
    "  --mtu BYTES       the largest packets to try, with their IP headers (default 1500; 1280: try none)\n"
    "  --udp WAY         how many datagrams go in a call: auto (whole trains where the system can), mmsg, single\n"
    "  --json            one JSON object per line\n"
    "  --stats SECONDS   print figures this often; SIGUSR1 asks once, and for each connection too\n"
    "  --pcap FILE       a capture for Wireshark of what goes over WebRTC, with the SCTP inside decrypted: the file\n"
    "                    holds all that is sent and received in the clear, and grows with it\n"
    "  --trace FILE      what happens, as JSON lines; minke --trace-events explains them\n"
    "  -v, -vv           narrate on stderr: changes of state; everything\n"
    "  -h, --help        this text\n";

int cli_serving_usage(const cli_serving_t *serving, const char *what, const char *value)
{
    cli_complain("%s%s%s; see minke %s --help", what, value != NULL ? ": " : "", value != NULL ? value : "",
                 serving->command);
    return EXIT_USAGE;
}

/* ---- options ---- */

enum { CONNECTIONS_MOST = 1000000, MEMORY_LEAST = 4 << 20 };

static bool parse_memory(const char *value, uint64_t *out)
{
    if (!cli_bytes("--max-memory", value, out)) return false;
    if (*out >= MEMORY_LEAST && *out <= SIZE_MAX) return true;
    cli_complain("--max-memory wants at least 4M, not: %s", value);
    return false;
}

static bool add(const cli_serving_t *serving, const char **list, int *n, int most, const char *option,
                const char *value)
{
    if (*n < most) list[(*n)++] = value;
    else (void)cli_serving_usage(serving, "too many", option);
    return *n <= most && list[*n - 1] == value;
}

bool cli_serving_option(cli_serving_t *serving, int c, const char *value)
{
    switch (c) {
    case 'l': return add(serving, serving->listen, &serving->listen_n, CLI_ADDRESSES_MAX, "--listen", value);
    case 'a': return add(serving, serving->announce, &serving->announce_n, 8, "--announce", value);
    case 'r': return add(serving, serving->relays, &serving->relays_n, 8, "--relay", value);
    case 'k': serving->key = value; return true;
    case 'j': cli_output.json = true; return true;
    case 'c': return cli_number("--max-connections", value, 1, CONNECTIONS_MOST, &serving->connections_max);
    case 'C':
        return cli_number("--max-connections-per-address", value, 1, CONNECTIONS_MOST,
                          &serving->connections_per_address_max);
    case 'm': return parse_memory(value, &serving->memory_max);
    case 's': return cli_number("--stats", value, 1, 86400, &serving->stats_s);
    case 't': serving->test_protocols = true; return true;
    case 'v': cli_output.verbose++; return true;
    default: return cli_reach_option(c, value) || cli_observe_option(c, value);
    }
}

/* ---- the host ---- */

static void apply_limits(const cli_serving_t *serving, minke_transport_options_t *transport)
{
    if (serving->connections_max != 0) transport->connections_max = (uint32_t)serving->connections_max;
    if (serving->connections_per_address_max != 0) {
        transport->connections_per_address_max = (uint32_t)serving->connections_per_address_max;
    }
    transport->serve_stun = serving->serve_stun;
    if (serving->stun_per_second != 0) transport->stun_per_second_max = (uint32_t)serving->stun_per_second;
    if (serving->memory_max == 0) return;
    transport->memory_max = (size_t)serving->memory_max;
    if (transport->connection_memory_max > transport->memory_max) {
        transport->connection_memory_max = transport->memory_max;
    }
}

/* Systems allow a process 1024 descriptors for the sake of select(), and many more to those who ask: a TCP connection
 * of each of a thousand peers needs them. */
static void allow_many_descriptors(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0) return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

static minke_host_t *make_host(const cli_serving_t *serving)
{
    unsigned char key[CLI_KEY_MAX];
    minke_host_options_t options;
    allow_many_descriptors();
    minke_host_defaults(&options);
    options.serve_perf = serving->serve_perf;
    options.relay = serving->relay;
    cli_reach(&options);
    if (!cli_observe(&options.transport)) return NULL;
    apply_limits(serving, &options.transport);
    if (serving->key != NULL) {
        const long len = cli_load_or_make_key(serving->key, key);
        if (len < 0) return NULL;
        options.transport.private_key = key;
        options.transport.private_key_len = (size_t)len;
    }
    minke_host_t *host = minke_host_new(&options);
    if (host == NULL) cli_complain("cannot start a host: the key cannot be used, or memory or descriptors are short");
    return host;
}

/* A relay's address stands for "reserve there". */
static int reserve(minke_host_t *host, const cli_serving_t *serving, const char *relay)
{
    char circuit[MINKE_ADDR_BYTES];
    const int n = snprintf(circuit, sizeof circuit, "%s/p2p-circuit", relay);
    if (n > 0 && (size_t)n < sizeof circuit && minke_listen(host, circuit) == MINKE_OK) return -1;
    return cli_serving_usage(
        serving, "--relay wants the address of a relay like /dns4/relay.example/tcp/4001/p2p/12D3..., not", relay);
}

/* Returns -1, or the exit code after complaining. */
static int start_listening(minke_host_t *host, const cli_serving_t *serving)
{
    int code = -1;
    for (int i = 0; i < serving->announce_n; i++) {
        if (minke_announce(host, serving->announce[i]) < 0) {
            return cli_serving_usage(serving,
                                     "--announce wants an address like /ip4/203.0.113.7/udp/9090/webrtc-direct, not",
                                     serving->announce[i]);
        }
    }
    for (int i = 0; i < serving->listen_n; i++) {
        if (minke_listen(host, serving->listen[i]) < 0) {
            return cli_serving_usage(serving,
                                     "--listen wants an address like /ip4/0.0.0.0/udp/9090/webrtc-direct, "
                                     "/ip4/0.0.0.0/tcp/9090 or /ip4/0.0.0.0/tcp/9091/ws, not",
                                     serving->listen[i]);
        }
    }
    for (int i = 0; code < 0 && i < serving->relays_n; i++) code = reserve(host, serving, serving->relays[i]);
    return code;
}

/* Returns -1, or the exit code after complaining. */
static int serve_metrics(minke_host_t *host, const cli_serving_t *serving)
{
    char where[64];
    if (serving->metrics == NULL) return -1;
    const int error = minke_serve_metrics(host, serving->metrics);
    if (error == MINKE_ERROR_MALFORMED) {
        return cli_serving_usage(serving, "--metrics wants an IP address and a port like 127.0.0.1:9464, not",
                                 serving->metrics);
    }
    if (error < 0) {
        cli_complain("no metrics on %s: %s", serving->metrics,
                     error == MINKE_ERROR_SYSTEM ? strerror(errno) : minke_error_text(error));
        return EXIT_LOCAL;
    }
    if (minke_metrics_address(host, where, sizeof where) < 0) where[0] = 0;
    cli_event(json_pack("{s:s, s:s}", "event", "metrics", "addr", where), "metrics       http://%s/metrics", where);
    return -1;
}

int cli_serving_run(cli_serving_t *serving, const char *const *defaults, int defaults_n)
{
    const bool by_default = serving->listen_n == 0;
    for (int i = 0; by_default && i < defaults_n; i++) serving->listen[serving->listen_n++] = defaults[i];
    cli_catch_signals();
    minke_host_t *host = make_host(serving);
    if (host == NULL) return cli_result(EXIT_LOCAL, "host", "could not start", NULL);
    int code = serve_metrics(host, serving);
    if (code < 0) code = start_listening(host, serving);
    if (code < 0) code = cli_serve(host, serving->listen_n, by_default, serving->test_protocols, serving->stats_s);
    minke_host_free(host);
    cli_observe_end();
    return code;
}
