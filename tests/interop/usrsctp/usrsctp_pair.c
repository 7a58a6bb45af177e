/*
 * Our SCTP against usrsctp, the engine of libdatachannel and so of js-libp2p on Node, in one process and in virtual
 * time: no threads, no sockets, the clock that usrsctp reads is defined here. Both ends send checked bytes on several
 * streams over a lossy link, reset each stream when its bytes are through, and start it anew.
 *
 *     usrsctp_pair [--seeds N] [--seed S] [--loss PERMILLE] [--delay MS] [--bytes N] [--streams N] [--generations N]
 *                  [--one-way up|down] [--verbose]
 *
 * Exit code 0: every seed came through. Needs libusrsctp (-lusrsctp).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/types.h>
#include <usrsctp.h>

#include "sctp/sctp.h"
#include "support/test_env.h"

enum { STREAMS_MAX = 64, MS = 1000, S = 1000000 };

/* -- options and shared state ------------------------------------------------------------------------------------- */

static struct {
    unsigned long seeds, seed, loss, delay, bytes, streams, generations, jitter;
    bool random_links, up, down, verbose;
} options = {
    .seeds = 20, .bytes = 60000, .streams = 5, .generations = 3, .random_links = true, .up = true, .down = true};

typedef struct stream {
    uint32_t out_generation, in_generation, out_sent, in_got;
    bool resetting;
} stream_t;

typedef struct packet {
    struct packet *next;
    minke_time_t at;
    bool to_us;
    size_t len;
    uint8_t bytes[];
} packet_t;

static minke_time_t now, usrsctp_at;
static uint64_t random_state;
static packet_t *packets;
static bool broken;
static stream_t ours[STREAMS_MAX], theirs[STREAMS_MAX]; /* ours: sent by us; theirs: sent by usrsctp */
static test_env_t test;
static minke_sctp_t *sctp;
static struct socket *sock;
static bool their_up;
static minke_time_t last_data_at, longest_silence;

static const minke_time_t epoch = 1700000000ULL * S;

/* What usrsctp takes for the time of day. */
int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    (void)tz;
    tv->tv_sec = (time_t)((epoch + now) / S);
    tv->tv_usec = (suseconds_t)((epoch + now) % S);
    return 0;
}

static void complain(const char *what, unsigned stream)
{
    fprintf(stderr, "seed %lu, %.3f s, stream %u: %s\n", options.seed, (double)now / S, stream, what);
    broken = true;
}

static uint8_t content(unsigned from, unsigned stream, uint32_t generation, uint32_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) * 7 + generation * 13 + stream * 5 + from);
}

static uint32_t length_of(unsigned from, unsigned stream, uint32_t generation)
{
    if (from == 0 ? !options.up : !options.down) return 0;
    return 1 + (uint32_t)((options.bytes * (1 + (stream * 7 + generation * 3 + from) % 5)) / 3);
}

static void check(stream_t *stream, unsigned from, unsigned id, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == content(from, id, stream->in_generation, stream->in_got + (uint32_t)i)) continue;
        complain("wrong byte", id);
        return;
    }
    stream->in_got += (uint32_t)len;
    if (last_data_at != 0 && now - last_data_at > longest_silence) longest_silence = now - last_data_at;
    last_data_at = now;
}

static void incoming_reset(stream_t *stream, unsigned from, unsigned id)
{
    if (stream->in_got != length_of(from, id, stream->in_generation)) complain("reset before all bytes came", id);
    stream->in_got = 0;
    stream->in_generation++;
}

static void outgoing_done(stream_t *stream, unsigned id)
{
    if (!stream->resetting) complain("reset done that nobody asked for", id);
    stream->resetting = false;
    stream->out_sent = 0;
    stream->out_generation++;
}

/* -- the link ----------------------------------------------------------------------------------------------------- */

static void enqueue(bool to_us, const void *bytes, size_t len, minke_time_t at)
{
    packet_t *packet = malloc(sizeof *packet + len);
    if (packet == NULL) abort();
    packet->at = at;
    packet->to_us = to_us;
    packet->len = len;
    memcpy(packet->bytes, bytes, len);
    packet_t **link = &packets;
    while (*link != NULL && (*link)->at <= at) link = &(*link)->next;
    packet->next = *link;
    *link = packet;
}

static void carry(bool to_us, const void *bytes, size_t len)
{
    minke_time_t at = now + options.delay * MS;
    if (test_random(&random_state) % 1000 < options.loss) return;
    if (options.jitter > 0 && test_random(&random_state) % 10 == 0)
        at += test_random(&random_state) % (options.jitter * MS);
    enqueue(to_us, bytes, len, at);
    if (options.loss > 0 && test_random(&random_state) % 50 == 0) enqueue(to_us, bytes, len, at + MS);
}

/* -- our end ------------------------------------------------------------------------------------------------------ */

static minke_message_t *next_message(void *user)
{
    (void)user;
    for (unsigned i = 0; i < options.streams; i++) {
        static unsigned turn;
        const unsigned id = turn++ % (unsigned)options.streams;
        stream_t *stream = &ours[id];
        const uint32_t total = length_of(0, id, stream->out_generation);
        if (stream->resetting || stream->out_generation >= options.generations || stream->out_sent >= total) continue;
        uint32_t len = 1 + (uint32_t)(test_random(&random_state) % 16384);
        if (len > total - stream->out_sent) len = total - stream->out_sent;
        minke_message_t *message = minke__message_new(&test.env, 0, len);
        if (message == NULL) abort();
        message->stream_id = (uint16_t)id;
        message->ppid = 53;
        for (uint32_t k = 0; k < len; k++) {
            message->bytes[message->end++] = content(0, id, stream->out_generation, stream->out_sent + k);
        }
        stream->out_sent += len;
        return message;
    }
    return NULL;
}

static void message_done(void *user, minke_message_t *message)
{
    (void)user;
    minke__free(&test.env, message);
}

static void on_data(void *user, const minke_sctp_fragment_t *fragment)
{
    (void)user;
    if (fragment->stream_id >= options.streams) complain("unknown stream", fragment->stream_id);
    else check(&theirs[fragment->stream_id], 1, fragment->stream_id, fragment->data, fragment->len);
    minke__sctp_consumed(sctp, fragment->len, now);
}

static void on_stream_reset(void *user, uint16_t id)
{
    (void)user;
    if (id < options.streams) incoming_reset(&theirs[id], 1, id);
}

static void on_reset_done(void *user, uint16_t id, minke_sctp_reset_result_t result)
{
    (void)user;
    if (result != MINKE_SCTP_RESET_PERFORMED) complain("our reset was refused", id);
    else outgoing_done(&ours[id], id);
    minke__sctp_wake(sctp);
}

static void our_turn(void)
{
    for (unsigned id = 0; id < options.streams; id++) {
        stream_t *stream = &ours[id];
        if (stream->resetting || stream->out_generation >= options.generations) continue;
        if (stream->out_sent < length_of(0, id, stream->out_generation)) continue;
        if (minke__sctp_state(sctp) != MINKE_SCTP_ESTABLISHED) continue;
        stream->resetting = true;
        if (minke__sctp_reset_stream(sctp, (uint16_t)id, now) < 0) complain("cannot reset", id);
    }
    uint8_t out[2048];
    size_t len;
    while ((len = minke__sctp_transmit(sctp, out, sizeof out, now)) > 0) carry(false, out, len);
}

/* -- usrsctp's end ------------------------------------------------------------------------------------------------ */

static int their_output(void *address, void *bytes, size_t len, uint8_t tos, uint8_t set_df)
{
    (void)address, (void)tos, (void)set_df;
    carry(true, bytes, len);
    return 0;
}

static void their_notification(const union sctp_notification *n)
{
    if (n->sn_header.sn_type == SCTP_ASSOC_CHANGE) {
        const uint16_t what = n->sn_assoc_change.sac_state;
        if (what == SCTP_COMM_UP) their_up = true;
        else complain("usrsctp's association changed", what);
    }
    if (n->sn_header.sn_type != SCTP_STREAM_RESET_EVENT) return;
    const struct sctp_stream_reset_event *event = &n->sn_strreset_event;
    const size_t count = (event->strreset_length - sizeof *event) / sizeof(uint16_t);
    const uint16_t flags = event->strreset_flags;
    for (size_t i = 0; i < count; i++) {
        const uint16_t id = event->strreset_stream_list[i];
        if (id >= options.streams) continue;
        if ((flags & (SCTP_STREAM_RESET_DENIED | SCTP_STREAM_RESET_FAILED)) != 0) {
            theirs[id].resetting = false; /* it will be asked for again */
            if (options.verbose)
                fprintf(stderr, "%.3f: usrsctp's reset of %u failed (%#x)\n", (double)now / S, id, flags);
            continue;
        }
        if ((flags & SCTP_STREAM_RESET_INCOMING_SSN) != 0) incoming_reset(&ours[id], 0, id);
        if ((flags & SCTP_STREAM_RESET_OUTGOING_SSN) != 0) outgoing_done(&theirs[id], id);
    }
}

static void their_input(void)
{
    static uint8_t buffer[1 << 18];
    for (;;) {
        struct sockaddr_conn from;
        socklen_t from_len = sizeof from;
        struct sctp_rcvinfo info = {0};
        socklen_t info_len = sizeof info;
        unsigned kind = 0;
        int flags = 0;
        const ssize_t n = usrsctp_recvv(sock, buffer, sizeof buffer, (struct sockaddr *)&from, &from_len, &info,
                                        &info_len, &kind, &flags);
        if (n <= 0) return;
        if ((flags & MSG_NOTIFICATION) != 0) their_notification((const union sctp_notification *)(void *)buffer);
        else if (info.rcv_sid < options.streams) check(&ours[info.rcv_sid], 0, info.rcv_sid, buffer, (size_t)n);
    }
}

static void their_sends(unsigned id)
{
    static uint8_t buffer[16384];
    stream_t *stream = &theirs[id];
    while (!stream->resetting && stream->out_generation < options.generations) {
        const uint32_t left = length_of(1, id, stream->out_generation) - stream->out_sent;
        if (left == 0) break;
        uint32_t len = 1 + (uint32_t)(test_random(&random_state) % sizeof buffer);
        if (len > left) len = left;
        for (uint32_t k = 0; k < len; k++) buffer[k] = content(1, id, stream->out_generation, stream->out_sent + k);
        struct sctp_sendv_spa spa = {
            .sendv_flags = SCTP_SEND_SNDINFO_VALID,
            .sendv_sndinfo = {.snd_sid = (uint16_t)id, .snd_flags = SCTP_EOR, .snd_ppid = htonl(53)}};
        const ssize_t n = usrsctp_sendv(sock, buffer, len, NULL, 0, &spa, sizeof spa, SCTP_SENDV_SPA, 0);
        if (n < 0) return;
        stream->out_sent += (uint32_t)n;
    }
}

static void their_reset(unsigned id)
{
    stream_t *stream = &theirs[id];
    if (stream->resetting || stream->out_generation >= options.generations) return;
    if (stream->out_sent < length_of(1, id, stream->out_generation)) return;
    uint8_t space[sizeof(struct sctp_reset_streams) + sizeof(uint16_t)] = {0};
    struct sctp_reset_streams *request = (void *)space;
    request->srs_flags = SCTP_STREAM_RESET_OUTGOING;
    request->srs_number_streams = 1;
    request->srs_stream_list[0] = (uint16_t)id;
    if (usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_RESET_STREAMS, request, sizeof space) == 0)
        stream->resetting = true;
}

static void their_turn(void)
{
    their_input();
    if (!their_up) return;
    for (unsigned id = 0; id < options.streams; id++) {
        their_sends(id);
        their_reset(id);
    }
}

static void must(int result, const char *what)
{
    if (result == 0) return;
    perror(what);
    exit(2);
}

/* As libdatachannel 0.24 configures it. */
static void start_usrsctp_once(void)
{
    usrsctp_init_nothreads(0, their_output, NULL);
    usrsctp_sysctl_set_sctp_recvspace(1 << 20);
    usrsctp_sysctl_set_sctp_sendspace(1 << 20);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(10 * 1024);
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_initial_cwnd(10);
    usrsctp_sysctl_set_sctp_max_burst_default(10);
    usrsctp_sysctl_set_sctp_default_cc_module(0);
    usrsctp_sysctl_set_sctp_delayed_sack_time_default(20);
    usrsctp_sysctl_set_sctp_rto_initial_default(1000);
    usrsctp_sysctl_set_sctp_rto_min_default(200);
    usrsctp_sysctl_set_sctp_rto_max_default(10000);
    usrsctp_sysctl_set_sctp_init_rto_max_default(10000);
    usrsctp_sysctl_set_sctp_init_rtx_max_default(5);
    usrsctp_sysctl_set_sctp_assoc_rtx_max_default(20); /* 5 there: on these links it would give up */
    usrsctp_sysctl_set_sctp_path_rtx_max_default(20);
    usrsctp_sysctl_set_sctp_heartbeat_interval_default(10000);
}

static struct sockaddr_conn their_address(void)
{
    struct sockaddr_conn address = {0};
    address.sconn_family = AF_CONN;
    address.sconn_port = htons(MINKE_SCTP_PORT);
    address.sconn_addr = &sock;
    return address;
}

static void open_usrsctp(void)
{
    usrsctp_register_address(&sock);
    sock = usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, NULL, NULL, 0, NULL);
    if (sock == NULL) must(-1, "usrsctp_socket");
    must(usrsctp_set_non_blocking(sock, 1), "non-blocking");
    struct linger linger = {1, 0};
    must(usrsctp_setsockopt(sock, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), "SO_LINGER");
    struct sctp_assoc_value reset = {SCTP_ALL_ASSOC, SCTP_ENABLE_RESET_STREAM_REQ | SCTP_ENABLE_CHANGE_ASSOC_REQ};
    must(usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_ENABLE_STREAM_RESET, &reset, sizeof reset), "stream reset");
    int on = 1;
    must(usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on), "RECVRCVINFO");
    must(usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on), "NODELAY");
    static const uint16_t events[] = {SCTP_ASSOC_CHANGE, SCTP_STREAM_RESET_EVENT};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        struct sctp_event event = {.se_assoc_id = SCTP_ALL_ASSOC, .se_type = events[i], .se_on = 1};
        must(usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event), "SCTP_EVENT");
    }
    struct sctp_paddrparams path = {0};
    path.spp_flags = SPP_PMTUD_DISABLE;
    path.spp_pathmtu = 1191;
    struct sctp_initmsg init = {.sinit_num_ostreams = 1024, .sinit_max_instreams = 1024};
    must(usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof init), "SCTP_INITMSG");
    struct sockaddr_conn address = their_address();
    must(usrsctp_bind(sock, (struct sockaddr *)&address, sizeof address), "bind");
    const int result = usrsctp_connect(sock, (struct sockaddr *)&address, sizeof address);
    if (result != 0 && errno != EINPROGRESS) must(-1, "connect");
    memcpy(&path.spp_address, &address, sizeof address);
    must(usrsctp_setsockopt(sock, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path), "path MTU");
}

/* -- one run ------------------------------------------------------------------------------------------------------ */

static bool all_done(void)
{
    for (unsigned id = 0; id < options.streams; id++) {
        if (ours[id].in_generation < options.generations || theirs[id].in_generation < options.generations)
            return false;
        if (ours[id].out_generation < options.generations || theirs[id].out_generation < options.generations)
            return false;
    }
    return true;
}

/* usrsctp counts milliseconds; ours runs on its deadlines; both see the packets when they are due. */
static void step(void)
{
    minke_time_t at = usrsctp_at + MS;
    if (packets != NULL && packets->at < at) at = packets->at;
    if (minke__sctp_deadline(sctp) < at) at = minke__sctp_deadline(sctp);
    if (at > now) now = at;
    bool received = false;
    while (packets != NULL && packets->at <= now) {
        packet_t *packet = packets;
        packets = packet->next;
        if (packet->to_us) minke__sctp_recv(sctp, packet->bytes, packet->len, now);
        else usrsctp_conninput(&sock, packet->bytes, packet->len, 0);
        received |= packet->to_us;
        free(packet);
    }
    if (received) minke__sctp_recv_end(sctp, now);
    minke__sctp_tick(sctp, now);
    if (now >= usrsctp_at + MS) {
        usrsctp_handle_timers((uint32_t)((now - usrsctp_at) / MS));
        usrsctp_at += (now - usrsctp_at) / MS * MS;
    }
    their_turn();
    our_turn();
    if (minke__sctp_state(sctp) == MINKE_SCTP_ENDED) complain(minke__sctp_close_reason(sctp)->text, 0);
}

static void print_state(const char *name, const stream_t *streams)
{
    for (unsigned id = 0; id < options.streams; id++) {
        fprintf(stderr, "  %s %u: sent generation %u bytes %u%s, got generation %u bytes %u\n", name, id,
                streams[id].out_generation, streams[id].out_sent, streams[id].resetting ? " resetting" : "",
                streams[id].in_generation, streams[id].in_got);
    }
}

static bool run(unsigned long seed)
{
    options.seed = seed;
    random_state = seed * 0x9e3779b97f4a7c15ULL + 5;
    if (options.random_links) {
        options.loss = seed % 4 == 0 ? 0 : test_random(&random_state) % 120;
        options.delay = 1 + test_random(&random_state) % 60;
        options.jitter = seed % 3 == 0 ? 30 : 0;
    }
    memset(ours, 0, sizeof ours);
    memset(theirs, 0, sizeof theirs);
    broken = their_up = false;
    last_data_at = longest_silence = 0;
    test_env_init(&test, seed);
    const minke_sctp_user_t user = {NULL, next_message, message_done, on_data, on_stream_reset, on_reset_done};
    sctp = minke__sctp_new(&test.env, NULL, &user, 1);
    if (sctp == NULL) abort();
    const minke_time_t started_at = now;
    minke__sctp_connect(sctp, now);
    open_usrsctp();
    our_turn();
    while (!broken && !all_done() && now < started_at + 2000ULL * S) step();
    if (!broken && !all_done()) complain("stuck", 0);
    const bool good = !broken;
    if (options.verbose || !good) {
        const minke_sctp_stats_t stats = minke__sctp_stats(sctp);
        fprintf(
            stderr,
            "seed %lu: %s after %.2f s; loss %lu, delay %lu ms; sent %llu got %llu bytes; again %llu, recoveries %llu, "
            "T3 %llu; silence %.2f s; srtt %llu us, cwnd %u\n",
            seed, good ? "done" : "FAILED", (double)(now - started_at) / S, options.loss, options.delay,
            (unsigned long long)stats.bytes_acked, (unsigned long long)stats.bytes_delivered,
            (unsigned long long)stats.retransmitted, (unsigned long long)test.counters.sctp_fast_recoveries,
            (unsigned long long)test.counters.sctp_timeouts, (double)longest_silence / S,
            (unsigned long long)stats.smoothed_rtt, stats.congestion_window);
    }
    if (!good) {
        print_state("ours", ours);
        print_state("theirs", theirs);
    }
    minke__sctp_free(sctp);
    usrsctp_close(sock);
    usrsctp_deregister_address(&sock);
    while (packets != NULL) {
        packet_t *packet = packets;
        packets = packet->next;
        free(packet);
    }
    if (test.blocks != 0) complain("memory leak", 0);
    return good && test.blocks == 0;
}

static void parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--verbose") == 0) {
            options.verbose = true;
            continue;
        }
        if (i + 1 == argc) exit(2);
        const char *text = argv[++i];
        const unsigned long value = strtoul(text, NULL, 10);
        if (strcmp(name, "--seeds") == 0) options.seeds = value;
        else if (strcmp(name, "--seed") == 0) options.seed = value;
        else if (strcmp(name, "--bytes") == 0) options.bytes = value;
        else if (strcmp(name, "--streams") == 0) options.streams = value < STREAMS_MAX ? value : STREAMS_MAX;
        else if (strcmp(name, "--generations") == 0) options.generations = value;
        else if (strcmp(name, "--one-way") == 0) options.up = strcmp(text, "up") == 0, options.down = !options.up;
        else if (strcmp(name, "--loss") == 0) options.loss = value, options.random_links = false;
        else if (strcmp(name, "--delay") == 0) options.delay = value, options.random_links = false;
        else exit(2);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    start_usrsctp_once();
    const unsigned long only = options.seed;
    unsigned long bad = 0;
    for (unsigned long seed = only != 0 ? only : 1; seed <= (only != 0 ? only : options.seeds); seed++) {
        bad += run(seed) ? 0 : 1;
    }
    printf("usrsctp_pair: %lu seeds, %lu failed\n", only != 0 ? 1 : options.seeds, bad);
    return bad == 0 ? 0 : 1;
}
