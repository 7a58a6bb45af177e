#include "dialing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_MS = 15000 };

const char cli_dialing_help[] =
    "  --direct-version 1|2   of webrtc-direct (default: 1, and 2 beside it after 500 ms without an answer)\n"
    "  --timeout SECONDS      for the set-up (default 15)\n"
    "  --key FILE             our identity; made if it does not exist (default: a new one)\n" CLI_REACH_HELP
    "  --json                 one JSON object per line\n"
    "  --pcap FILE            a capture for Wireshark, with the SCTP inside decrypted: the file holds all that is\n"
    "                         sent and received in the clear, and grows with it\n"
    "  --trace FILE           what happens, as JSON lines; minke --trace-events explains them\n"
    "  -v, -vv                narrate on stderr: changes of state; everything\n"
    "  -h, --help             this text\n"
    "\n"
    "Several ADDR must be those of one peer: the first that answers is used.\n";

double cli_now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

bool cli_dialing_option(cli_dialing_t *dialing, int c, const char *value, bool *valid)
{
    long number = 0;
    *valid = true;
    switch (c) {
    case 'D':
        *valid = cli_number("--direct-version", value, 1, 2, &number);
        dialing->version = (int)number;
        return true;
    case 'T':
        *valid = cli_number("--timeout", value, 1, 3600, &number);
        dialing->timeout_ms = (int)number * 1000;
        return true;
    case 'K': dialing->key = value; return true;
    case 'J': cli_output.json = true; return true;
    case 'v': cli_output.verbose++; return true;
    default: return cli_reach_option(c, value) || cli_observe_option(c, value);
    }
}

bool cli_dialing_addrs(cli_dialing_t *dialing, char *const *addrs, int n)
{
    if (n > MINKE_DIAL_ADDRESSES_MAX) cli_complain("at most %d addresses at once", MINKE_DIAL_ADDRESSES_MAX);
    if (n < 1 || n > MINKE_DIAL_ADDRESSES_MAX) return false;
    dialing->addrs = (const char *const *)addrs;
    dialing->addrs_n = (size_t)n;
    return true;
}

/* ---- steps, from the trace ---- */

static minke_trace_t narration;

static void on_trace(void *user, const minke_trace_event_t *event)
{
    (void)user;
    if (narration.event != NULL) narration.event(narration.user, event);
    if (strcmp(event->name, "step_done") != 0) return;
    const char *layer = minke_layer_name(event->layer);
    const double ms = (double)event->value / 1000;
    cli_event(json_pack("{s:s, s:s, s:f}", "event", "step", "step", layer, "ms", ms), "%-6s %8.1f ms", layer, ms);
}

static minke_host_t *make_host(cli_dialing_t *dialing)
{
    unsigned char key[CLI_KEY_MAX];
    minke_host_options_t options;
    minke_host_defaults(&options);
    if (!cli_observe(&options.transport)) return NULL;
    narration = options.transport.trace;
    options.transport.trace = (minke_trace_t){.event = on_trace};
    cli_reach(&options);
    options.transport.dial_after = (minke_time_t)dialing->timeout_ms * 1000;
    if (dialing->key != NULL) {
        const long len = cli_load_or_make_key(dialing->key, key);
        if (len < 0) return NULL;
        options.transport.private_key = key;
        options.transport.private_key_len = (size_t)len;
    }
    return minke_host_new(&options);
}

/* ---- dialling ---- */

static int dial(cli_dialing_t *dialing)
{
    const int error =
        minke_dial_any(dialing->host, dialing->addrs, dialing->addrs_n, dialing->version, &dialing->connection);
    if (error == MINKE_OK) return -1;
    cli_complain("%s cannot be dialled: %s. It should look like "
                 "/ip4/192.0.2.1/udp/9090/webrtc-direct/certhash/uEi.../p2p/12D3..., /dns4/example.org/tcp/4001, "
                 "/ip4/192.0.2.1/tcp/4002/ws, or RELAY/p2p-circuit/p2p/12D3...%s",
                 dialing->addrs_n > 1 ? "one of these addresses" : dialing->addrs[0], minke_error_text(error),
                 dialing->addrs_n > 1 ? ", and all must name one peer" : "");
    return cli_result(EXIT_USAGE, "host", minke_error_text(error), NULL);
}

static void on_event(cli_dialing_t *dialing, const minke_event_t *event)
{
    if (event->connection != dialing->connection) return; /* of a relay on the way, say */
    if (event->type == MINKE_EVENT_CONNECTED) {
        dialing->connected = true;
        (void)snprintf(dialing->peer, sizeof dialing->peer, "%s", event->peer);
    } else if (event->type == MINKE_EVENT_DISCONNECTED) {
        dialing->connection = 0;
        dialing->failure = event->close;
    }
}

static int failed(const cli_dialing_t *dialing)
{
    const int code = dialing->failure.code;
    const bool local =
        code == MINKE_ERROR_NO_MEMORY || (dialing->failure.layer == MINKE_LAYER_NETWORK && code == MINKE_ERROR_SYSTEM);
    return cli_result(local ? EXIT_LOCAL : EXIT_REMOTE, minke_layer_name(dialing->failure.layer), dialing->failure.text,
                      NULL);
}

static int wait_until_connected(cli_dialing_t *dialing)
{
    minke_event_t event;
    while (!dialing->connected) {
        if (cli_stopped()) return cli_result(EXIT_DONE, NULL, NULL, NULL);
        if (minke_wait(dialing->host, &event, -1) == MINKE_OK) on_event(dialing, &event);
        if (dialing->connection == 0) return failed(dialing);
    }
    return -1;
}

int cli_dialing_connect(cli_dialing_t *dialing)
{
    if (dialing->timeout_ms == 0) dialing->timeout_ms = TIMEOUT_MS;
    cli_catch_signals();
    dialing->host = make_host(dialing);
    if (dialing->host == NULL) return cli_result(EXIT_LOCAL, "host", "could not start", NULL);
    const double begun = cli_now_ms();
    int code = dial(dialing);
    if (code < 0) code = wait_until_connected(dialing);
    dialing->setup_ms = cli_now_ms() - begun;
    return code;
}

bool cli_dialing_event(cli_dialing_t *dialing, minke_event_t *event, int timeout_ms, int *code)
{
    for (const double until = cli_now_ms() + timeout_ms;;) {
        const double left = until - cli_now_ms();
        if (cli_stats_asked()) cli_stats(dialing->host, true);
        if (cli_stopped()) {
            cli_stats_at_end(dialing->host, dialing->connection);
            *code = cli_result(EXIT_DONE, NULL, NULL, NULL);
            return false;
        }
        if (timeout_ms >= 0 && left <= 0) {
            *code = -1;
            return false;
        }
        const int result = minke_wait(dialing->host, event, timeout_ms >= 0 ? (int)left + 1 : -1);
        if (result != MINKE_OK) continue;
        if (event->type == MINKE_EVENT_DISCONNECTED && event->connection == dialing->connection) {
            dialing->failure = event->close;
            *code = failed(dialing);
            return false;
        }
        return true;
    }
}

void cli_dialing_free(cli_dialing_t *dialing)
{
    minke_host_free(dialing->host);
    cli_observe_end();
    dialing->host = NULL;
}
