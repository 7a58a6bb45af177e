#include "flows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/test_env.h"
#include "textbook.h"

enum {
    UDP_AND_DTLS = 28 + 37, /* bytes around an SCTP packet, IPv4 */
    ACK_WIRE = 64,
    MESSAGE_BYTES = 16384,
    WINDOW = 64 << 20 /* what a long path needs; not what is measured here */
};

typedef struct packet {
    minke_time_t at;
    uint64_t segment, received; /* text-book */
    size_t len;
    uint8_t *bytes;
} packet_t;

/* In the order of arrival; nearly always at the end. */
typedef struct lane {
    packet_t *ring;
    size_t first, n, capacity;
} lane_t;

typedef struct end {
    test_env_t memory;
    minke_sctp_t *sctp;
    struct flow *flow;
    minke_message_t *spare; /* messages given back, to be used again */
    minke_time_t sack_at;   /* a foreign receiver: what it has to send waits until then */
} end_t;

typedef struct flow {
    const sim_flow_plan_t *plan;
    struct flows *flows;
    end_t sender, receiver;
    textbook_t *tcp;
    lane_t there, back;
    minke_time_t arrived_at, progress_at;
    uint64_t delivered, delivered_before; /* bytes: in all, until `from` */
    uint64_t delivered_traced;
    sim_flow_result_t result;
    bool begun;
} flow_t;

typedef struct flows {
    sim_bottleneck_t link;
    flow_t flow[SIM_FLOWS_MAX];
    size_t n;
    minke_time_t now, free_at;
    uint64_t random;
    minke_time_t trace_at;
    double waited;
    uint64_t waits;
} flows_t;

static double chance(flows_t *f) { return (double)(test_random(&f->random) >> 11) / 9007199254740992.0; }

/* ---- lanes ---- */

static packet_t *place(const lane_t *lane, size_t i) { return &lane->ring[(lane->first + i) % lane->capacity]; }

static void put(lane_t *lane, packet_t packet)
{
    if (lane->n == lane->capacity) {
        const size_t capacity = lane->capacity > 0 ? 2 * lane->capacity : 1024;
        packet_t *ring = malloc(capacity * sizeof *ring);
        if (ring == NULL) abort();
        for (size_t i = 0; i < lane->n; i++) ring[i] = *place(lane, i);
        free(lane->ring);
        *lane = (lane_t){.ring = ring, .n = lane->n, .capacity = capacity};
    }
    size_t i = lane->n++;
    for (; i > 0 && place(lane, i - 1)->at > packet.at; i--) *place(lane, i) = *place(lane, i - 1);
    *place(lane, i) = packet;
}

static packet_t take(lane_t *lane)
{
    const packet_t packet = *place(lane, 0);
    lane->first = (lane->first + 1) % lane->capacity;
    lane->n--;
    return packet;
}

static minke_time_t due(const lane_t *lane) { return lane->n > 0 ? place(lane, 0)->at : MINKE_TIME_NEVER; }

static void free_lane(lane_t *lane)
{
    while (lane->n > 0) free(take(lane).bytes);
    free(lane->ring);
}

/* ---- the link ---- */

static void send_there(flow_t *flow, packet_t packet, size_t wire_len)
{
    flows_t *f = flow->flows;
    const bool lost = chance(f) < f->link.loss, late = chance(f) < f->link.reorder;
    flow->result.packets++;
    if (f->free_at < f->now) f->free_at = f->now;
    const minke_time_t wait = f->free_at - f->now;
    if (!lost && wait * f->link.bits_per_second / 8000000 + wire_len > f->link.queue) {
        flow->result.dropped_n++;
        free(packet.bytes);
        return;
    }
    if (lost) {
        free(packet.bytes);
        return;
    }
    f->waited += (double)wait;
    f->waits++;
    f->free_at += (wire_len * 8000000 + f->link.bits_per_second / 2) / f->link.bits_per_second;
    packet.at = f->free_at + f->link.round_trip / 2 + (late ? f->link.reorder_delay : 0);
    put(&flow->there, packet);
}

static void send_back(flow_t *flow, packet_t packet)
{
    flows_t *f = flow->flows;
    if (chance(f) < f->link.loss_back) {
        free(packet.bytes);
        return;
    }
    packet.at = f->now + f->link.round_trip - f->link.round_trip / 2;
    put(&flow->back, packet);
}

static void note_arrival(flow_t *flow)
{
    const minke_time_t now = flow->flows->now;
    if (flow->arrived_at != 0 && now - flow->arrived_at > flow->result.silence) {
        flow->result.silence = now - flow->arrived_at;
    }
    flow->arrived_at = now;
}

static void note_progress(flow_t *flow, uint64_t bytes)
{
    const minke_time_t now = flow->flows->now;
    if (flow->progress_at != 0 && now - flow->progress_at > flow->result.stall) {
        flow->result.stall = now - flow->progress_at;
    }
    flow->progress_at = now;
    flow->delivered += bytes;
}

/* ---- SCTP ---- */

static minke_message_t *next_message(void *user)
{
    end_t *end = user;
    if (end != &end->flow->sender) return NULL;
    minke_message_t *message = end->spare;
    if (message != NULL) {
        end->spare = message->next;
    } else {
        message = minke__message_new(&end->memory.env, 0, MESSAGE_BYTES);
        if (message == NULL) abort();
        memset(message->bytes, 'm', MESSAGE_BYTES);
        message->ppid = 53;
    }
    message->end = message->start + MESSAGE_BYTES;
    message->next = NULL;
    return message;
}

static void message_done(void *user, minke_message_t *message)
{
    end_t *end = user;
    message->next = end->spare;
    end->spare = message;
}

static void on_data(void *user, const minke_sctp_fragment_t *fragment)
{
    end_t *end = user;
    note_progress(end->flow, fragment->len);
    minke__sctp_consumed(end->sctp, fragment->len, end->flow->flows->now);
}

static void on_reset(void *user, uint16_t id)
{
    (void)user;
    (void)id;
}

static void on_reset_done(void *user, uint16_t id, minke_sctp_reset_result_t result)
{
    (void)user;
    (void)id;
    (void)result;
}

static void flush(flow_t *flow, end_t *end)
{
    uint8_t bytes[2048];
    flows_t *f = flow->flows;
    size_t len;
    if (end->sack_at != 0 && f->now < end->sack_at) return;
    end->sack_at = 0;
    while ((len = minke__sctp_transmit(end->sctp, bytes, sizeof bytes, f->now)) > 0) {
        packet_t packet = {.len = len, .bytes = malloc(len)};
        if (packet.bytes == NULL) abort();
        memcpy(packet.bytes, bytes, len);
        if (end == &flow->sender) send_there(flow, packet, len + UDP_AND_DTLS);
        else send_back(flow, packet);
    }
}

static void begin_end(flow_t *flow, end_t *end, uint64_t seed)
{
    const minke_sctp_user_t user = {end, next_message, message_done, on_data, on_reset, on_reset_done};
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    options.receive_window = options.held_max = WINDOW;
    options.congestion = flow->plan->congestion;
    if (flow->plan->packet_max != 0) options.packet_max = flow->plan->packet_max;
    test_env_init(&end->memory, seed);
    end->flow = flow;
    end->sctp = minke__sctp_new(&end->memory.env, &options, &user, 1);
    if (end->sctp == NULL) abort();
    minke__sctp_connect(end->sctp, flow->flows->now);
}

static void free_end(end_t *end)
{
    minke__sctp_free(end->sctp);
    while (end->spare != NULL) {
        minke_message_t *message = end->spare;
        end->spare = message->next;
        minke__message_free(&end->memory.env, message);
    }
}

static minke_time_t rounded(const flows_t *f, minke_time_t at)
{
    const minke_time_t step = f->link.granularity;
    return at == MINKE_TIME_NEVER || step == 0 ? at : (at + step - 1) / step * step;
}

static minke_time_t sctp_due(const flow_t *flow)
{
    const minke_time_t a = rounded(flow->flows, minke__sctp_deadline(flow->sender.sctp));
    minke_time_t b = minke__sctp_deadline(flow->receiver.sctp);
    if (flow->receiver.sack_at != 0 && flow->receiver.sack_at < b) b = flow->receiver.sack_at;
    return a < b ? a : b;
}

static void hold_sack(flow_t *flow)
{
    end_t *end = &flow->receiver;
    if (flow->plan->sack_delay != 0 && end->sack_at == 0) end->sack_at = flow->flows->now + flow->plan->sack_delay;
}

static void step_sctp(flow_t *flow)
{
    const minke_time_t now = flow->flows->now;
    bool there = false, back = false;
    while (due(&flow->there) <= now) {
        const packet_t packet = take(&flow->there);
        note_arrival(flow);
        minke__sctp_recv(flow->receiver.sctp, packet.bytes, packet.len, now);
        free(packet.bytes);
        there = true;
    }
    while (due(&flow->back) <= now) {
        const packet_t packet = take(&flow->back);
        minke__sctp_recv(flow->sender.sctp, packet.bytes, packet.len, now);
        free(packet.bytes);
        back = true;
    }
    if (there) {
        hold_sack(flow);
        minke__sctp_recv_end(flow->receiver.sctp, now);
    }
    if (back) minke__sctp_recv_end(flow->sender.sctp, now);
    minke__sctp_tick(flow->receiver.sctp, now);
    minke__sctp_tick(flow->sender.sctp, now);
    flush(flow, &flow->receiver);
    flush(flow, &flow->sender);
}

/* ---- the text-book ---- */

static minke_time_t tcp_due(const flow_t *flow)
{
    return flow->tcp->timeout_at < flow->tcp->ack_at ? flow->tcp->timeout_at : flow->tcp->ack_at;
}

static void acknowledge(flow_t *flow, uint64_t ack)
{
    send_back(flow, (packet_t){.segment = ack, .received = flow->tcp->received, .len = ACK_WIRE});
}

static void step_tcp(flow_t *flow)
{
    const minke_time_t now = flow->flows->now;
    uint64_t ack, segment;
    while (due(&flow->there) <= now) {
        const packet_t packet = take(&flow->there);
        const uint64_t before = flow->tcp->received;
        note_arrival(flow);
        if (textbook_arrive(flow->tcp, packet.segment, now, &ack)) acknowledge(flow, ack);
        if (flow->tcp->received > before) note_progress(flow, (flow->tcp->received - before) * TEXTBOOK_SEGMENT);
    }
    if (flow->tcp->ack_at <= now) acknowledge(flow, textbook_delayed_ack(flow->tcp));
    while (due(&flow->back) <= now) {
        const packet_t packet = take(&flow->back);
        textbook_acked(flow->tcp, packet.segment, packet.received, now);
    }
    if (flow->tcp->timeout_at <= now) textbook_timeout(flow->tcp, now);
    while (textbook_send(flow->tcp, now, &segment)) {
        send_there(flow, (packet_t){.segment = segment, .len = TEXTBOOK_SEGMENT}, TEXTBOOK_WIRE);
    }
}

/* ---- the whole ---- */

static minke_time_t flow_due(const flow_t *flow)
{
    if (!flow->begun) return flow->flows->link.round_trip + flow->plan->begins_at;
    minke_time_t at = flow->plan->textbook ? tcp_due(flow) : sctp_due(flow);
    if (due(&flow->there) < at) at = due(&flow->there);
    return due(&flow->back) < at ? due(&flow->back) : at;
}

static void begin(flow_t *flow, uint64_t seed)
{
    flow->begun = true;
    if (flow->plan->textbook) {
        flow->tcp = textbook_new();
    } else {
        begin_end(flow, &flow->sender, 2 * seed);
        begin_end(flow, &flow->receiver, 2 * seed + 1);
    }
}

static void finish(flow_t *flow, minke_time_t span, sim_flow_result_t *result)
{
    flows_t *f = flow->flows;
    *result = flow->result;
    result->bytes = flow->delivered - flow->delivered_before;
    result->share = (double)result->bytes * 8e6 / (double)span / (double)f->link.bits_per_second;
    result->queueing = f->waits > 0 ? (minke_time_t)(f->waited / (double)f->waits) : 0;
    if (flow->tcp != NULL) {
        result->losses = flow->tcp->losses;
        result->timeouts = flow->tcp->timeouts;
        result->retransmitted = flow->tcp->retransmitted;
    } else if (flow->sender.sctp != NULL) {
        const minke_sctp_stats_t stats = minke__sctp_stats(flow->sender.sctp);
        result->losses = stats.losses;
        result->timeouts = stats.timeouts;
        result->retransmitted = stats.retransmitted;
    }
    if (flow->sender.sctp != NULL) {
        free_end(&flow->sender);
        free_end(&flow->receiver);
    }
    textbook_free(flow->tcp);
    free_lane(&flow->there);
    free_lane(&flow->back);
}

static void step(flows_t *f, uint64_t seed)
{
    for (size_t i = 0; i < f->n; i++) {
        flow_t *flow = &f->flow[i];
        if (flow_due(flow) > f->now) continue;
        if (!flow->begun) begin(flow, seed * SIM_FLOWS_MAX + i);
        if (flow->plan->textbook) step_tcp(flow);
        else step_sctp(flow);
    }
}

static void trace(flow_t *flow)
{
    flows_t *f = flow->flows;
    const double span = (double)f->link.trace_every;
    (void)printf("%8.2f s  flow %zu  %6.2f Mbit/s", (double)f->now / 1e6, (size_t)(flow - f->flow),
                 (double)(flow->delivered - flow->delivered_traced) * 8 / span);
    flow->delivered_traced = flow->delivered;
    if (flow->sender.sctp != NULL) {
        const minke_sctp_stats_t s = minke__sctp_stats(flow->sender.sctp);
        (void)printf("  window %8u  in flight %8u  round trip %6.1f ms  cut %llu  again %llu  queue dropped %llu",
                     s.congestion_window, s.in_flight, (double)s.smoothed_rtt / 1000, (unsigned long long)s.losses,
                     (unsigned long long)s.retransmitted, (unsigned long long)flow->result.dropped_n);
    } else if (flow->tcp != NULL) {
        (void)printf("  window %8.0f", flow->tcp->window * TEXTBOOK_SEGMENT);
    }
    (void)printf("\n");
}

static void trace_due(flows_t *f)
{
    if (f->link.trace_every == 0 || f->now < f->trace_at) return;
    f->trace_at = f->now + f->link.trace_every;
    for (size_t i = 0; i < f->n; i++) trace(&f->flow[i]);
}

void sim_flows_run(const sim_bottleneck_t *link, const sim_flow_plan_t *plans, size_t n, minke_time_t from,
                   minke_time_t until, uint64_t seed, sim_flow_result_t *results)
{
    flows_t *f = calloc(1, sizeof *f);
    if (f == NULL || n > SIM_FLOWS_MAX) abort();
    f->link = *link;
    f->n = n;
    f->now = 1;
    f->random = seed * 0x9e3779b97f4a7c15ULL + 7;
    if (f->link.queue == 0) f->link.queue = (size_t)(link->bits_per_second / 8 * link->round_trip / 1000000);
    for (size_t i = 0; i < n; i++) {
        f->flow[i].plan = &plans[i];
        f->flow[i].flows = f;
    }
    bool counting = false;
    for (;;) {
        minke_time_t at = MINKE_TIME_NEVER;
        for (size_t i = 0; i < n; i++) at = flow_due(&f->flow[i]) < at ? flow_due(&f->flow[i]) : at;
        if (!counting && at >= from) {
            counting = true;
            for (size_t i = 0; i < n; i++) f->flow[i].delivered_before = f->flow[i].delivered;
        }
        if (at >= until) break;
        if (at > f->now) f->now = at;
        step(f, seed);
        trace_due(f);
    }
    for (size_t i = 0; i < n; i++) finish(&f->flow[i], until - from, &results[i]);
    free(f);
}

double sim_flows_fairness(const sim_flow_result_t *results, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)results[i].bytes;
        squares += (double)results[i].bytes * (double)results[i].bytes;
    }
    return squares > 0 ? sum * sum / ((double)n * squares) : 0;
}
