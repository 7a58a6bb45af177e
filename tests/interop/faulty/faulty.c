/*
 * Listeners that stop, or go mad, after a step of the set-up: what `minke dial` says of them is a test
 * (tests/cli/dial_failures.sh). A whole Minke host with some of its calls replaced by the linker (--wrap).
 *
 *     interop-faulty FAULT [ADDR]
 *
 * Prints its address as `minke listen --json` does, and lives until SIGTERM.
 */
#include <minke/minke.h>
#include <stdio.h>
#include <string.h>

#include "sctp/sctp.h"
#include "webrtc/setup.h"

typedef enum fault {
    SILENT,        /* takes datagrams and says nothing */
    ECHO,          /* a UDP echo server */
    ICE_GARBAGE,   /* answers every datagram with what is no STUN */
    NO_DTLS,       /* answers checks and nothing else */
    DTLS_FLIGHT,   /* sends its first flight, then hears no DTLS any more */
    DTLS_GARBAGE,  /* answers a ClientHello with a record of nonsense */
    NO_SCTP,       /* does the DTLS handshake and nothing else */
    SCTP_GARBAGE,  /* then sends packets of nonsense */
    NO_NOISE,      /* brings SCTP up and never begins with Noise */
    NOISE_1,       /* stops after the first Noise message */
    NOISE_GARBAGE, /* sends what is no Noise message */
    FAULTS_N
} fault_t;

static const char *const names[FAULTS_N] = {"silent",      "echo",         "ice-garbage",  "no-dtls",
                                            "dtls-flight", "dtls-garbage", "no-sctp",      "sctp-garbage",
                                            "no-noise",    "noise-1",      "noise-garbage"};
static fault_t fault;

/* A datagram of our own that waits to be sent. */
static struct {
    uint8_t bytes[2048];
    size_t len;
    minke_path_t path;
} answer;

/* Noise has begun; our first flight is out. */
static bool begun, flight_sent;

enum { CONTENT_HANDSHAKE = 22, DTLS_FIRST = 20, DTLS_LAST = 63 };

static bool is_dtls(const uint8_t *data, size_t len)
{
    return len > 0 && data[0] >= DTLS_FIRST && data[0] <= DTLS_LAST;
}

static void answer_with(const void *data, size_t len, const minke_path_t *path)
{
    if (len > sizeof answer.bytes) return;
    memcpy(answer.bytes, data, len);
    answer.len = len;
    answer.path = *path;
}

/* ---- below the transport ---- */

int __real_minke_transport_recv(minke_transport_t *transport, const minke_train_t *train, const minke_path_t *path,
                                minke_time_t now);
int __wrap_minke_transport_recv(minke_transport_t *transport, const minke_train_t *train, const minke_path_t *path,
                                minke_time_t now);
int __wrap_minke_transport_recv(minke_transport_t *transport, const minke_train_t *train, const minke_path_t *path,
                                minke_time_t now)
{
    static const uint8_t record[] = {
        CONTENT_HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 7, 7, 7, 7, 7, 7, 7, 7};
    const bool dtls = is_dtls(train->data, train->len);
    switch (fault) {
    case SILENT: return MINKE_OK;
    case ECHO: answer_with(train->data, train->segment_len, path); return MINKE_OK;
    case ICE_GARBAGE: answer_with("\1\1no STUN message", 17, path); return MINKE_OK;
    case NO_DTLS:
        if (dtls) return MINKE_OK;
        break;
    case DTLS_FLIGHT:
        if (dtls && flight_sent) return MINKE_OK;
        break;
    case DTLS_GARBAGE:
        if (dtls) answer_with(record, sizeof record, path);
        if (dtls) return MINKE_OK;
        break;
    default: break;
    }
    return __real_minke_transport_recv(transport, train, path, now);
}

size_t __real_minke_transport_transmit(minke_transport_t *transport, uint8_t *buffer, size_t capacity,
                                       minke_train_t *train, minke_path_t *path, minke_time_t now);
size_t __wrap_minke_transport_transmit(minke_transport_t *transport, uint8_t *buffer, size_t capacity,
                                       minke_train_t *train, minke_path_t *path, minke_time_t now);
size_t __wrap_minke_transport_transmit(minke_transport_t *transport, uint8_t *buffer, size_t capacity,
                                       minke_train_t *train, minke_path_t *path, minke_time_t now)
{
    if (answer.len > 0) {
        memcpy(buffer, answer.bytes, answer.len);
        *train = (minke_train_t){buffer, answer.len, answer.len};
        *path = answer.path;
        answer.len = 0;
        return 1;
    }
    const size_t n = __real_minke_transport_transmit(transport, buffer, capacity, train, path, now);
    if (n > 0 && is_dtls(train->data, train->len)) flight_sent = true;
    return n;
}

/* ---- inside ---- */

void __real_minke__sctp_recv(minke_sctp_t *sctp, const uint8_t *packet, size_t len, minke_time_t now);
void __wrap_minke__sctp_recv(minke_sctp_t *sctp, const uint8_t *packet, size_t len, minke_time_t now);
void __wrap_minke__sctp_recv(minke_sctp_t *sctp, const uint8_t *packet, size_t len, minke_time_t now)
{
    if (fault != NO_SCTP && fault != SCTP_GARBAGE) __real_minke__sctp_recv(sctp, packet, len, now);
}

size_t __real_minke__sctp_transmit(minke_sctp_t *sctp, uint8_t *out, size_t capacity, minke_time_t now);
size_t __wrap_minke__sctp_transmit(minke_sctp_t *sctp, uint8_t *out, size_t capacity, minke_time_t now);
size_t __wrap_minke__sctp_transmit(minke_sctp_t *sctp, uint8_t *out, size_t capacity, minke_time_t now)
{
    if (fault == NO_SCTP) return 0;
    const size_t len = __real_minke__sctp_transmit(sctp, out, capacity, now);
    if (fault == SCTP_GARBAGE) memset(out, 0x55, len);
    return len;
}

minke_setup_result_t __real_minke__setup_advance(minke_setup_t *setup, minke_mux_stream_t *channel);
minke_setup_result_t __wrap_minke__setup_advance(minke_setup_t *setup, minke_mux_stream_t *channel);
minke_setup_result_t __wrap_minke__setup_advance(minke_setup_t *setup, minke_mux_stream_t *channel)
{
    static const uint8_t nonsense[] = {0, 4, 9, 9, 9, 9};
    const bool first = !begun;
    begun = true;
    if (fault == NO_NOISE || (fault == NOISE_1 && !first)) return MINKE_SETUP_MORE;
    if (fault != NOISE_GARBAGE) return __real_minke__setup_advance(setup, channel);
    if (first && minke__mux_write(channel, nonsense, sizeof nonsense) < 0) return MINKE_SETUP_FAILED;
    return MINKE_SETUP_MORE;
}

int main(int argc, char **argv)
{
    while (fault < FAULTS_N && (argc < 2 || strcmp(argv[1], names[fault]) != 0)) fault++;
    if (fault == FAULTS_N) {
        (void)fprintf(stderr, "usage: interop-faulty");
        for (int i = 0; i < FAULTS_N; i++) (void)fprintf(stderr, "%s%s", i == 0 ? " " : "|", names[i]);
        (void)fprintf(stderr, " [ADDR]\n");
        return 2;
    }
    minke_host_t *host = minke_host_new(NULL);
    if (host == NULL || minke_listen(host, argc > 2 ? argv[2] : "/ip4/127.0.0.1/udp/0/webrtc-direct") < 0) return 3;
    for (minke_event_t event; minke_wait(host, &event, -1) == MINKE_OK;) {
        if (event.type == MINKE_EVENT_LISTENING) {
            (void)printf("{\"event\":\"listening\",\"addr\":\"%s\"}\n", event.addr);
            (void)fflush(stdout);
        }
    }
    minke_host_free(host);
    return 0;
}
