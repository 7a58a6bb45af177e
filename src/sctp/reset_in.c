/*
 * The remote's stream resets: RFC 6525 5.2.2, spec/sctp.md 8.
 *
 *     request -- its last TSN has arrived --> performed: user->stream_reset, answer 1
 *        |
 *        '--- not yet --> answer 6, deferred -- arrived --> performed by ourselves, answer 1 unasked
 *
 * Answers are kept by seq, because requests come again (lost answers) and pion has several in flight, which may arrive
 * in any order. After an answer 6 dcSCTP asks again under a new seq, pion and usrsctp under the old one.
 */
#include "sctp/association.h"

enum { DEFERRED_MAX = 16, IDS_IN_REQUEST_MAX = 32768 };

typedef struct deferred {
    minke_list_t link;
    uint64_t last_tsn;
    uint32_t seq;
    bool done; /* performed; kept for the remote's next request, which may be the same one under a new seq */
    uint16_t ids_n;
    uint16_t ids[];
} deferred_t;

typedef struct request {
    uint32_t seq;
    uint64_t last_tsn;
    minke_reader_t ids; /* 16 bits each; empty: all streams */
} request_t;

static deferred_t *deferred_of(minke_list_t *link) { return MINKE_CONTAINER(link, deferred_t, link); }

static void forget(minke_sctp_t *sctp, deferred_t *deferred)
{
    minke__list_remove(&deferred->link);
    sctp->requests.deferred_n--;
    minke__free(sctp->env, deferred);
}

void minke__sctp_free_requests(minke_sctp_t *sctp)
{
    while (!minke__list_empty(&sctp->requests.deferred)) forget(sctp, deferred_of(sctp->requests.deferred.next));
}

static void respond(minke_sctp_t *sctp, uint32_t seq, uint8_t result)
{
    uint8_t body[12];
    minke_writer_t w = minke__writer(body, sizeof body);
    minke__write_u16(&w, MINKE_PARAMETER_RECONFIG_RESPONSE);
    minke__write_u16(&w, sizeof body);
    minke__write_u32(&w, seq);
    minke__write_u32(&w, result);
    minke__sctp_queue_control(sctp, MINKE_CHUNK_RE_CONFIG, body, sizeof body);
}

static uint8_t *result_of(minke_sctp_t *sctp, uint32_t seq)
{
    return &sctp->requests.results[seq % MINKE_SCTP_RESULTS_N];
}

/* -- performing --------------------------------------------------------------------------------------------------- */

static void perform(minke_sctp_t *sctp, uint16_t stream_id, minke_time_t now)
{
    if (minke__sctp_ended(sctp)) return;
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_RESET_RECEIVED, NULL, stream_id);
    if (minke__inbound_reset(&sctp->in.streams, stream_id) == MINKE_INBOUND_VIOLATION) {
        minke__sctp_violation(sctp, "DATA does not continue its message", now);
    }
}

/* Was the stream reset by a deferred request that we completed by ourselves, and not used since: then this request is
 * that one again, and the user, who may have opened the stream anew, must not hear of it twice. */
static bool was_done(minke_sctp_t *sctp, uint16_t stream_id)
{
    if (minke__inbound_knows(&sctp->in.streams, stream_id)) return false;
    for (minke_list_t *link = sctp->requests.deferred.next; link != &sctp->requests.deferred; link = link->next) {
        const deferred_t *deferred = deferred_of(link);
        for (unsigned i = 0; deferred->done && i < deferred->ids_n; i++) {
            if (deferred->ids[i] == stream_id) return true;
        }
    }
    return false;
}

static void forget_done(minke_sctp_t *sctp)
{
    for (minke_list_t *link = sctp->requests.deferred.next, *next; link != &sctp->requests.deferred; link = next) {
        next = link->next;
        if (deferred_of(link)->done) forget(sctp, deferred_of(link));
    }
}

static void perform_request(minke_sctp_t *sctp, minke_reader_t ids, minke_time_t now)
{
    if (ids.len == 0 && minke__inbound_reset_all(&sctp->in.streams) == MINKE_INBOUND_VIOLATION) {
        minke__sctp_violation(sctp, "DATA does not continue its message", now);
    }
    while (minke__reader_left(&ids) >= 2) {
        const uint16_t stream_id = minke__read_u16(&ids);
        if (stream_id < sctp->streams_in && !was_done(sctp, stream_id)) perform(sctp, stream_id, now);
    }
}

/* -- deferring ---------------------------------------------------------------------------------------------------- */

static void find_first_deferred(minke_sctp_t *sctp)
{
    sctp->requests.deferred_first = UINT64_MAX;
    for (minke_list_t *link = sctp->requests.deferred.next; link != &sctp->requests.deferred; link = link->next) {
        const deferred_t *deferred = deferred_of(link);
        if (deferred->done || deferred->last_tsn >= sctp->requests.deferred_first) continue;
        sctp->requests.deferred_first = deferred->last_tsn;
    }
}

/* The streams that start to wait. One that waits for an earlier request stays with that: its data is older. */
static bool defer_streams(minke_sctp_t *sctp, deferred_t *deferred, minke_reader_t ids)
{
    bool complete = true;
    while (minke__reader_left(&ids) >= 2) {
        const uint16_t stream_id = minke__read_u16(&ids);
        if (stream_id >= sctp->streams_in || was_done(sctp, stream_id)) continue;
        const int error = minke__inbound_defer_reset(&sctp->in.streams, stream_id, deferred->last_tsn);
        if (error == MINKE_OK) deferred->ids[deferred->ids_n++] = stream_id;
        if (error == MINKE_ERROR_NO_MEMORY) complete = false;
    }
    return complete;
}

/* False: not, or not fully, remembered: the remote must ask again. */
static bool defer(minke_sctp_t *sctp, const request_t *request)
{
    const size_t n = request->ids.len / 2;
    if (n == 0 || n > IDS_IN_REQUEST_MAX || sctp->requests.deferred_n >= DEFERRED_MAX) return false;
    deferred_t *deferred = minke__alloc(sctp->env, sizeof *deferred + n * sizeof deferred->ids[0]);
    if (deferred == NULL) return false;
    *deferred = (deferred_t){.last_tsn = request->last_tsn, .seq = request->seq};
    const bool complete = defer_streams(sctp, deferred, request->ids);
    minke__list_append(&sctp->requests.deferred, &deferred->link);
    sctp->requests.deferred_n++;
    if (request->last_tsn < sctp->requests.deferred_first) sctp->requests.deferred_first = request->last_tsn;
    return complete;
}

static void complete(minke_sctp_t *sctp, deferred_t *deferred, minke_time_t now)
{
    deferred->done = true;
    for (unsigned i = 0; i < deferred->ids_n; i++) {
        const uint16_t stream_id = deferred->ids[i];
        if (minke__inbound_deferred(&sctp->in.streams, stream_id) != deferred->last_tsn) continue;
        perform(sctp, stream_id, now);
    }
    uint8_t *result = result_of(sctp, deferred->seq);
    if (sctp->requests.next_seq - deferred->seq > MINKE_SCTP_RESULTS_N || *result != MINKE_RECONFIG_IN_PROGRESS) return;
    *result = MINKE_RECONFIG_PERFORMED;
    respond(sctp, deferred->seq, MINKE_RECONFIG_PERFORMED); /* spares pion and usrsctp a timeout; dcSCTP ignores it */
}

/* Of those that are done only the latest is kept: dcSCTP, for which it is, has one request at a time. */
void minke__sctp_perform_deferred(minke_sctp_t *sctp, minke_time_t now)
{
    deferred_t *latest = NULL;
    forget_done(sctp);
    for (minke_list_t *link = sctp->requests.deferred.next; link != &sctp->requests.deferred; link = link->next) {
        deferred_t *deferred = deferred_of(link);
        if (deferred->last_tsn > sctp->in.cumulative) continue;
        complete(sctp, deferred, now);
        if (latest != NULL) forget(sctp, latest);
        latest = deferred;
    }
    find_first_deferred(sctp);
}

/* -- the chunk ---------------------------------------------------------------------------------------------------- */

/* Is this seq to be worked on; if not, it has been answered. */
static bool is_new(minke_sctp_t *sctp, uint32_t seq)
{
    const uint32_t ahead = seq - sctp->requests.next_seq;
    if (ahead < MINKE_SCTP_RESULTS_N) {
        for (; sctp->requests.next_seq != seq + 1; sctp->requests.next_seq++) {
            *result_of(sctp, sctp->requests.next_seq) = MINKE_SCTP_RESULT_NONE;
        }
        return true;
    }
    const bool remembered = sctp->requests.next_seq - seq <= MINKE_SCTP_RESULTS_N;
    const uint8_t result = remembered ? *result_of(sctp, seq) : MINKE_RECONFIG_BAD_SEQUENCE;
    if (result == MINKE_SCTP_RESULT_NONE) return true;
    respond(sctp, seq, result);
    return false;
}

static void recv_outgoing_reset(minke_sctp_t *sctp, minke_reader_t r, minke_time_t now)
{
    request_t request = {.seq = minke__read_u32(&r)};
    (void)minke__read_u32(&r); /* response seq: peers put anything there, and it says nothing */
    request.last_tsn = minke__tsn_unwrap(sctp->in.cumulative, minke__read_u32(&r));
    if (r.failed) {
        sctp->env->counters->sctp_malformed++;
        return;
    }
    request.ids = minke__read_sub(&r, minke__reader_left(&r));
    if (!is_new(sctp, request.seq)) return;
    uint8_t *result = result_of(sctp, request.seq);
    if (request.last_tsn <= sctp->in.cumulative) {
        *result = MINKE_RECONFIG_PERFORMED;
        respond(sctp, request.seq, MINKE_RECONFIG_PERFORMED);
        perform_request(sctp, request.ids, now);
    } else {
        if (defer(sctp, &request)) *result = MINKE_RECONFIG_IN_PROGRESS;
        respond(sctp, request.seq, MINKE_RECONFIG_IN_PROGRESS);
    }
    forget_done(sctp);
}

/* Requests that we never fulfil. */
static void recv_other(minke_sctp_t *sctp, minke_reader_t r, uint8_t result)
{
    const uint32_t seq = minke__read_u32(&r);
    if (r.failed || !is_new(sctp, seq)) return;
    *result_of(sctp, seq) = result;
    respond(sctp, seq, result);
}

static void recv_response(minke_sctp_t *sctp, minke_reader_t r, minke_time_t now)
{
    const uint32_t seq = minke__read_u32(&r);
    const uint32_t result = minke__read_u32(&r);
    if (r.failed) sctp->env->counters->sctp_malformed++;
    else minke__sctp_recv_reset_response(sctp, seq, result, now);
}

static void recv_parameter(minke_sctp_t *sctp, uint16_t type, minke_reader_t value, minke_time_t now)
{
    switch (type) {
    case MINKE_PARAMETER_OUTGOING_RESET: recv_outgoing_reset(sctp, value, now); break;
    case MINKE_PARAMETER_INCOMING_RESET: recv_other(sctp, value, MINKE_RECONFIG_NOTHING_TO_DO); break;
    case MINKE_PARAMETER_TSN_RESET:
    case MINKE_PARAMETER_ADD_OUTGOING:
    case MINKE_PARAMETER_ADD_INCOMING: recv_other(sctp, value, MINKE_RECONFIG_DENIED); break;
    case MINKE_PARAMETER_RECONFIG_RESPONSE: recv_response(sctp, value, now); break;
    default: sctp->env->counters->sctp_malformed++; break;
    }
}

void minke__sctp_recv_re_config(minke_sctp_t *sctp, minke_reader_t body, minke_time_t now)
{
    while (minke__reader_left(&body) > 0 && !minke__sctp_ended(sctp)) {
        const uint16_t type = minke__read_u16(&body);
        const uint16_t len = minke__read_u16(&body);
        if (body.failed || len < MINKE_SCTP_CHUNK_HEADER_BYTES) {
            sctp->env->counters->sctp_malformed++;
            return;
        }
        const minke_reader_t value = minke__read_sub(&body, (size_t)len - MINKE_SCTP_CHUNK_HEADER_BYTES);
        if (value.failed) {
            sctp->env->counters->sctp_malformed++;
            return;
        }
        const size_t padding = (0 - (size_t)len) & 3, left = minke__reader_left(&body);
        (void)minke__read_bytes(&body, padding < left ? padding : left);
        recv_parameter(sctp, type, value, now);
    }
}
