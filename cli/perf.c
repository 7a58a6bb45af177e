#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dialing.h"

static const char help[] =
    "usage: minke perf [options] ADDR...\n"
    "\n"
    "Measures throughput with /perf/1.0.0: first up, then down.\n"
    "\n"
    "  --upload BYTES         how much to send (default 67108864; K, M and G are powers of 1024)\n"
    "  --download BYTES       how much to receive (default 67108864)\n"
    "  --streams N            in parallel (default 1)\n";

enum { STREAMS_MAX = 256, BLOCK_BYTES = 65536, PROGRESS_MS = 200, SILENCE_MS = 30000 };

typedef struct perf_stream {
    minke_stream_t id; /* 0: over */
    uint64_t to_send, to_receive;
    unsigned char header[8];
    size_t header_sent;
    bool finished;
} perf_stream_t;

typedef struct perf {
    cli_dialing_t dialing;
    uint64_t upload, download;
    long streams_n;
    perf_stream_t streams[STREAMS_MAX];
    long running;
    uint64_t moved, total; /* of the phase in progress */
    double begun, told_at;
    const char *phase;
    double upload_s, download_s;
} perf_t;

static void show_progress(perf_t *p, bool last)
{
    const double now = cli_now_ms();
    if (cli_output.json || isatty(STDERR_FILENO) == 0 || (!last && now - p->told_at < PROGRESS_MS)) return;
    p->told_at = now;
    const double seconds = (now - p->begun) / 1000;
    (void)fprintf(stderr, "\r%-8s %6.1f %%  %8.1f MB/s ", p->phase,
                  p->total > 0 ? 100.0 * (double)p->moved / (double)p->total : 100.0,
                  seconds > 0 ? (double)p->moved / 1e6 / seconds : 0.0);
    if (last) (void)fputc('\n', stderr);
}

static void send_more(perf_t *p, perf_stream_t *s)
{
    static const unsigned char zeros[BLOCK_BYTES];
    while (s->header_sent < sizeof s->header) {
        const ssize_t n =
            minke_stream_write(p->dialing.host, s->id, s->header + s->header_sent, sizeof s->header - s->header_sent);
        if (n <= 0) return;
        s->header_sent += (size_t)n;
    }
    while (s->to_send > 0) {
        const size_t wanted = s->to_send < sizeof zeros ? (size_t)s->to_send : sizeof zeros;
        const ssize_t n = minke_stream_write(p->dialing.host, s->id, zeros, wanted);
        if (n <= 0) return;
        s->to_send -= (uint64_t)n;
        p->moved += (uint64_t)n;
    }
    if (!s->finished) (void)minke_stream_finish(p->dialing.host, s->id);
    s->finished = true;
}

/* Returns NULL, or what is wrong. */
static const char *receive_more(perf_t *p, perf_stream_t *s)
{
    const uint8_t *data;
    for (ssize_t n; (n = minke_stream_peek(p->dialing.host, s->id, &data)) > 0;) {
        if ((uint64_t)n > s->to_receive) return "the remote sent more than it was asked for";
        s->to_receive -= (uint64_t)n;
        p->moved += (uint64_t)n;
        (void)minke_stream_consume(p->dialing.host, s->id, (size_t)n);
    }
    return NULL;
}

static perf_stream_t *find(perf_t *p, minke_stream_t id)
{
    for (long i = 0; i < p->streams_n; i++) {
        if (p->streams[i].id == id) return &p->streams[i];
    }
    return NULL;
}

/* Returns NULL, or what is wrong. */
static const char *on_event(perf_t *p, const minke_event_t *event)
{
    perf_stream_t *s = event->stream != 0 ? find(p, event->stream) : NULL;
    if (s == NULL) return NULL;
    if (event->type == MINKE_EVENT_STREAM_CLOSED) {
        if (event->error == MINKE_ERROR_UNSUPPORTED) return "the remote does not serve perf";
        if (event->error != MINKE_OK || s->to_send > 0 || s->to_receive > 0) return "the remote ended a stream early";
        s->id = 0;
        p->running--;
        return NULL;
    }
    send_more(p, s);
    return receive_more(p, s);
}

static uint64_t share(uint64_t total, long n, long i)
{
    return total / (uint64_t)n + ((uint64_t)i < total % (uint64_t)n ? 1 : 0);
}

static const char *start_streams(perf_t *p, uint64_t up, uint64_t down)
{
    for (long i = 0; i < p->streams_n; i++) {
        perf_stream_t *s = &p->streams[i];
        *s = (perf_stream_t){.to_send = share(up, p->streams_n, i), .to_receive = share(down, p->streams_n, i)};
        for (unsigned k = 0; k < 8; k++) s->header[k] = (unsigned char)(s->to_receive >> (56 - 8 * k));
        if (minke_open(p->dialing.host, p->dialing.connection, "/perf/1.0.0", &s->id) < 0) {
            return "no stream could be opened";
        }
        p->running++;
        send_more(p, s);
    }
    return NULL;
}

/* Returns -1 with the seconds it took, else the exit code. */
static int run_phase(perf_t *p, const char *phase, uint64_t up, uint64_t down, double *seconds)
{
    minke_event_t event;
    int code = -1;
    p->phase = phase;
    p->moved = 0;
    p->running = 0;
    p->total = up + down;
    p->begun = p->told_at = cli_now_ms();
    const char *wrong = start_streams(p, up, down);
    while (wrong == NULL && p->running > 0) {
        if (!cli_dialing_event(&p->dialing, &event, SILENCE_MS, &code)) {
            if (code >= 0) return code;
            wrong = "nothing moved for 30 s";
            break;
        }
        wrong = on_event(p, &event);
        show_progress(p, false);
    }
    if (wrong != NULL) return cli_result(EXIT_REMOTE, "stream", wrong, NULL);
    *seconds = (cli_now_ms() - p->begun) / 1000;
    show_progress(p, true);
    return -1;
}

static double rate(uint64_t bytes, double seconds) { return seconds > 0 ? (double)bytes / 1e6 / seconds : 0; }

static int run(perf_t *p)
{
    int code = cli_dialing_connect(&p->dialing);
    if (code < 0 && p->upload > 0) code = run_phase(p, "upload", p->upload, 0, &p->upload_s);
    if (code < 0 && p->download > 0) code = run_phase(p, "download", 0, p->download, &p->download_s);
    if (code >= 0) return code;
    cli_stats_at_end(p->dialing.host, p->dialing.connection);
    if (!cli_output.json) {
        (void)printf("upload   %12llu bytes in %7.3f s, %8.1f MB/s\ndownload %12llu bytes in %7.3f s, %8.1f MB/s\n",
                     (unsigned long long)p->upload, p->upload_s, rate(p->upload, p->upload_s),
                     (unsigned long long)p->download, p->download_s, rate(p->download, p->download_s));
    }
    return cli_result(EXIT_DONE, NULL, NULL,
                      json_pack("{s:s, s:I, s:f, s:I, s:f, s:I, s:f}", "peer", p->dialing.peer, "upload_bytes",
                                (json_int_t)p->upload, "upload_s", p->upload_s, "download_bytes",
                                (json_int_t)p->download, "download_s", p->download_s, "streams",
                                (json_int_t)p->streams_n, "setup_ms", p->dialing.setup_ms));
}

int cli_perf(int argc, char **argv)
{
    static const struct option known[] = {CLI_DIALING_OPTIONS,
                                          {"upload", required_argument, NULL, 'u'},
                                          {"download", required_argument, NULL, 'd'},
                                          {"streams", required_argument, NULL, 's'},
                                          {NULL, 0, NULL, 0}};
    static perf_t p = {.upload = 64 << 20, .download = 64 << 20, .streams_n = 1};
    for (int c; (c = getopt_long(argc, argv, "vh", known, NULL)) != -1;) {
        bool valid = true;
        if (c == 'h') {
            (void)printf("%s%s", help, cli_dialing_help);
            return EXIT_DONE;
        }
        if (c == 'u') valid = cli_bytes("--upload", optarg, &p.upload);
        else if (c == 'd') valid = cli_bytes("--download", optarg, &p.download);
        else if (c == 's') valid = cli_number("--streams", optarg, 1, STREAMS_MAX, &p.streams_n);
        else if (!cli_dialing_option(&p.dialing, c, optarg, &valid)) return EXIT_USAGE;
        if (!valid) return EXIT_USAGE;
    }
    if (!cli_dialing_addrs(&p.dialing, argv + optind, argc - optind)) {
        (void)fprintf(stderr, "%s%s", help, cli_dialing_help);
        return EXIT_USAGE;
    }
    const int code = run(&p);
    cli_dialing_free(&p.dialing);
    return code;
}
