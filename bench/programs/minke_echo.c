/*
 * How long a small message takes through a stream of Minke and back, from process to process.
 *
 *     build/bench/minke-echo --listen ADDR [--spin US]               prints {"addr":".."}, and stays
 *     build/bench/minke-echo [--count N] [--message BYTES] [--spin US] ADDR      one JSON object: the median, in
 * microseconds
 *
 * Both are asleep until something comes, as a program that has nothing else to do, unless --spin has them look for it
 * so many microseconds first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/arguments.h"
#include "support/host.h"
#include "support/measure.h"

static const char usage[] = "usage: minke-echo --listen ADDR [--spin US]\n"
                            "       minke-echo [--count N] [--message BYTES] [--spin US] ADDR\n";
static const char protocol[] = "/minke-bench/echo/1.0.0";

enum { MESSAGE_MAX = 16384, COUNT_MAX = 1000000, WARM_N = 200, SILENCE_MS = 10000, SPIN_MAX = 1000000 };

static _Noreturn void echo_for_ever(const char *addr)
{
    minke_host_t *host = new_host(16, true);
    minke_event_t event;
    must(minke_handle(host, protocol), protocol);
    listen_at(host, addr);
    for (;;) {
        if (minke_wait(host, &event, -1) < 0 || event.stream == 0 || event.type == MINKE_EVENT_STREAM_CLOSED) continue;
        const uint8_t *data;
        ssize_t n;
        while ((n = minke_stream_peek(host, event.stream, &data)) > 0) {
            const ssize_t taken = minke_stream_write(host, event.stream, data, (size_t)n);
            if (taken <= 0) break;
            (void)minke_stream_consume(host, event.stream, (size_t)taken);
        }
        if (n == 0) (void)minke_stream_finish(host, event.stream);
    }
}

/* Waits until that many bytes have come back. */
static void read_back(minke_host_t *host, minke_stream_t stream, size_t len)
{
    minke_event_t event;
    for (;;) {
        const uint8_t *data;
        ssize_t n;
        while (len > 0 && (n = minke_stream_peek(host, stream, &data)) > 0) {
            if ((size_t)n > len) must(MINKE_ERROR_TOO_LARGE, "more came back than was sent");
            len -= (size_t)n;
            (void)minke_stream_consume(host, stream, (size_t)n);
        }
        if (len == 0) return;
        must(minke_wait(host, &event, SILENCE_MS), "no answer");
        if (event.type == MINKE_EVENT_DISCONNECTED) must(MINKE_ERROR_CONNECTION_CLOSED, event.close.text);
        if (event.type == MINKE_EVENT_STREAM_CLOSED && event.stream == stream) must(event.error, "the stream ended");
    }
}

static int measure(const char *addr, size_t count, size_t message_len)
{
    static uint8_t message[MESSAGE_MAX];
    double *times = calloc(count, sizeof *times);
    if (times == NULL) return 3;
    minke_host_t *host = new_host(16, true);
    const minke_stream_t stream = open_stream(host, dial_to(host, addr), protocol);
    for (size_t i = 0; i < WARM_N + count; i++) {
        const double begun = now_s();
        if (minke_stream_write(host, stream, message, message_len) != (ssize_t)message_len) die("write");
        read_back(host, stream, message_len);
        if (i >= WARM_N) times[i - WARM_N] = now_s() - begun;
    }
    (void)printf("{\"rtt_us\":%.2f}\n", median(times, count) * 1e6);
    minke_host_free(host);
    free(times);
    return 0;
}

int main(int argc, char **argv)
{
    const char *listen = NULL;
    double count = 10000, message_len = 64, spin_us = 0;
    const argument_t known[] = {{"--listen", NULL, &listen},
                                {"--count", &count, NULL},
                                {"--message", &message_len, NULL},
                                {"--spin", &spin_us, NULL},
                                {NULL, NULL, NULL}};
    const char *addr = read_arguments(argc, argv, known, usage);
    if (spin_us >= 0 && spin_us <= SPIN_MAX) choose_spin((uint32_t)spin_us);
    if (listen != NULL && addr == NULL) echo_for_ever(listen);
    if (addr == NULL || count < 1 || count > COUNT_MAX || message_len < 1 || message_len > MESSAGE_MAX) {
        (void)fputs(usage, stderr);
        return 2;
    }
    return measure(addr, (size_t)count, (size_t)message_len);
}
