#include "serve.h"

#include <stdio.h>
#include <string.h>

#include "dialing.h"

static const char echo_protocol[] = "/echo/1.0.0";

static const char *direction(const minke_event_t *event) { return event->inbound ? "in" : "out"; }

static void print_identified(minke_host_t *host, const minke_event_t *event)
{
    minke_identify_info_t info;
    minke_connection_stats_t stats = {0};
    if (minke_identify_get(host, event->connection, &info) < 0) return;
    if (minke_stats(host, event->connection, &stats) < 0) return;
    json_t *protocols = json_array();
    for (size_t i = 0; i < info.protocols_n; i++) {
        (void)json_array_append_new(protocols, json_string(info.protocols[i]));
    }
    cli_event(json_pack("{s:s, s:s, s:s, s:s, s:b, s:o}", "event", "identified", "peer", event->peer, "agent",
                        info.agent, "observed", info.observed, "limited", stats.limited, "protocols", protocols),
              "identified    %s  %s", event->peer, info.agent);
}

/* Its address as it is on the network: what `addr` says of a private connection, and of one over a relay, is not that.
 */
static void print_connected(minke_host_t *host, const minke_event_t *event)
{
    minke_connection_stats_t stats = {.kind = MINKE_PATH_UNKNOWN};
    char remote[64] = "";
    if (minke_stats(host, event->connection, &stats) == MINKE_OK) {
        cli_print_ip(&stats.path.remote, remote, sizeof remote);
    }
    const char *path = cli_path_name(stats.kind);
    cli_event(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b}", "event", "connected", "peer", event->peer, "addr",
                        event->addr, "path", path, "remote", remote, "direction", direction(event), "limited",
                        event->limited),
              "connected     %s  %s%s", event->peer, event->addr, event->limited ? "  (limited)" : "");
}

static void print_disconnected(const minke_event_t *event)
{
    cli_event(json_pack("{s:s, s:s, s:s, s:s, s:b}", "event", "disconnected", "peer", event->peer, "reason",
                        event->close.text, "layer", minke_layer_name(event->close.layer), "by_remote",
                        event->close.by_remote),
              "disconnected  %s  %s%s: %s", event->peer, event->close.by_remote ? "by the remote, " : "",
              minke_layer_name(event->close.layer), event->close.text);
}

static void handle_stream(minke_host_t *host, const minke_event_t *event)
{
    if (event->type == MINKE_EVENT_STREAM_CLOSED) {
        cli_note(2, "stream %llx closed: %s", (unsigned long long)event->stream, minke_error_text(event->error));
    }
    if (!cli_test_protocols_run(host, event) && event->type != MINKE_EVENT_STREAM_CLOSED) {
        cli_echo(host, event->stream);
    }
}

/* A reservation: it is tried again. */
static bool is_relayed(const minke_event_t *event) { return strstr(event->addr, "/p2p-circuit") != NULL; }

static void handle(minke_host_t *host, const minke_event_t *event)
{
    switch (event->type) {
    case MINKE_EVENT_LISTENING:
        cli_event(json_pack("{s:s, s:s}", "event", "listening", "addr", event->addr), "listening     %s", event->addr);
        break;
    case MINKE_EVENT_LISTEN_FAILED:
        if (is_relayed(event)) {
            cli_event(json_pack("{s:s, s:s, s:s, s:s, s:i}", "event", "listen_failed", "addr", event->addr, "layer",
                                minke_layer_name(event->close.layer), "reason", event->close.text, "code",
                                event->close.code),
                      "no reservation %s: %s: %s; will try again", event->addr, minke_layer_name(event->close.layer),
                      event->close.text);
        } else {
            cli_complain("cannot listen on %s: %s", event->addr, event->close.text);
        }
        break;
    case MINKE_EVENT_CONNECTED: print_connected(host, event); break;
    case MINKE_EVENT_LISTEN_CLOSED:
        cli_event(
            json_pack("{s:s, s:s, s:s}", "event", "listen_closed", "addr", event->addr, "reason", event->close.text),
            "not listening %s: %s", event->addr, event->close.text);
        break;
    case MINKE_EVENT_DISCONNECTED: print_disconnected(event); break;
    case MINKE_EVENT_IDENTIFIED: print_identified(host, event); break;
    case MINKE_EVENT_STREAM_OPENED:
        cli_note(2, "stream %llx opened: %s", (unsigned long long)event->stream, event->protocol);
        (void)cli_test_protocols_opened(host, event);
        break;
    case MINKE_EVENT_STREAM_READABLE:
    case MINKE_EVENT_STREAM_WRITABLE:
    case MINKE_EVENT_STREAM_CLOSED: handle_stream(host, event); break;
    }
}

/* Figures that are due, or that were asked for. Returns how long to wait until the next ones: milliseconds, or -1. */
static int tell_stats(const minke_host_t *host, long stats_s, double *due_ms)
{
    if (cli_stats_asked()) cli_stats(host, true);
    if (stats_s == 0) return -1;
    const double now = cli_now_ms();
    if (now >= *due_ms) {
        cli_stats(host, false);
        *due_ms = now + (double)stats_s * 1000;
    }
    return (int)(*due_ms - now) + 1;
}

int cli_serve(minke_host_t *host, int listeners, bool optional, bool test_protocols, long stats_s)
{
    double stats_due = cli_now_ms() + (double)stats_s * 1000;
    minke_event_t event;
    int failed = 0, served = 0;
    if (minke_handle(host, echo_protocol) < 0 || minke_allow_limited(host, echo_protocol) < 0 ||
        (test_protocols && cli_test_protocols_handle(host) < 0)) {
        return cli_result(EXIT_LOCAL, "host", "out of memory", NULL);
    }
    while (!cli_stopped()) {
        const int result = minke_wait(host, &event, tell_stats(host, stats_s, &stats_due));
        if (result == MINKE_ERROR_AGAIN || result == MINKE_ERROR_TIMEOUT) continue;
        if (result < 0) return cli_result(EXIT_LOCAL, "network", minke_error_text(result), NULL);
        handle(host, &event);
        if (event.type == MINKE_EVENT_CONNECTED) served++;
        if (event.type != MINKE_EVENT_LISTEN_FAILED || is_relayed(&event)) continue;
        failed++;
        if (!optional || failed == listeners) return cli_result(EXIT_LOCAL, "network", event.close.text, NULL);
    }
    return cli_result(EXIT_DONE, NULL, NULL, json_pack("{s:i}", "connections", served));
}
