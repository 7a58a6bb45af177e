/*
 * Our own stream resets: RFC 6525 5.1.2, spec/sctp.md 8.
 *
 *     PENDING -- everything of the stream acknowledged, no other request out --> REQUESTED -- performed --> done
 *        ^                                                                          |  |
 *        '------------- "in progress": the same ids under a new seq ----------------'  '-- refused --> failed
 *
 * By waiting for the acknowledgement we never meet "in progress", which dcSCTP would repeat for ever under one seq.
 * For the same reason the request names as last TSN the last one used on its streams, not the last of the association:
 * all receivers only compare it with their cumulative TSN.
 */
#include <assert.h>

#include "sctp/association.h"

enum { IDS_MAX = 200, REQUEST_BYTES = 20, GIVE_UP_AFTER = 30000000, RETRY_MAX = 3000000 };

int minke__sctp_reset_stream(minke_sctp_t *sctp, uint16_t stream_id, minke_time_t now)
{
    (void)now;
    if (minke__sctp_ended(sctp)) return MINKE_ERROR_CONNECTION_CLOSED;
    minke_sctp_out_stream_t *stream = minke__sctp_need_out_stream(sctp, stream_id);
    if (stream == NULL) return MINKE_ERROR_NO_MEMORY;
    if (stream->reset != MINKE_RESET_NONE) return MINKE_OK;
    stream->reset = MINKE_RESET_PENDING;
    minke__list_append(&sctp->resets.pending, &stream->link);
    sctp->resets.check = true;
    return MINKE_OK;
}

static bool is_ready(const minke_sctp_t *sctp, const minke_sctp_out_stream_t *stream)
{
    if (sctp->out.message != NULL && sctp->out.message->stream_id == stream->id) return false;
    return stream->last_tsn < sctp->out.flight.base;
}

/* Gathers what is ready into a request. */
static void make_request(minke_sctp_t *sctp, minke_time_t now)
{
    uint16_t *ids = NULL;
    uint32_t n = 0;
    uint64_t last_tsn = 0;
    for (minke_list_t *link = sctp->resets.pending.next, *next; link != &sctp->resets.pending && n < IDS_MAX;
         link = next) {
        next = link->next;
        minke_sctp_out_stream_t *stream = MINKE_CONTAINER(link, minke_sctp_out_stream_t, link);
        if (!is_ready(sctp, stream)) continue;
        if (ids == NULL) ids = minke__alloc(sctp->env, IDS_MAX * sizeof ids[0]);
        if (ids == NULL) { /* later, perhaps */
            minke__sctp_timers_reconfig(sctp, minke__rtt_base_timeout(&sctp->out.rtt), now);
            return;
        }
        minke__list_remove(&stream->link);
        stream->reset = MINKE_RESET_REQUESTED;
        ids[n++] = stream->id;
        if (stream->last_tsn > last_tsn) last_tsn = stream->last_tsn;
    }
    if (n == 0) return;
    sctp->resets.ids = ids;
    sctp->resets.ids_n = n;
    sctp->resets.last_tsn = last_tsn != 0 ? last_tsn : sctp->out.flight.base - 1;
    sctp->resets.asked_at = now;
    sctp->resets.tries = 0;
    sctp->resets.patience = false;
    sctp->resets.due = true;
}

static void finish(minke_sctp_t *sctp, minke_sctp_reset_result_t result)
{
    uint16_t *ids = sctp->resets.ids;
    const uint32_t n = sctp->resets.ids_n;
    sctp->resets.ids = NULL;
    sctp->resets.ids_n = 0;
    sctp->resets.due = false;
    sctp->resets.seq++;
    sctp->resets.check = true;
    minke__sctp_timers_reconfig_stop(sctp);
    for (uint32_t i = 0; i < n; i++) {
        minke_sctp_out_stream_t *stream = minke__sctp_find_out_stream(sctp, ids[i]);
        if (stream != NULL) minke__sctp_drop_out_stream(sctp, stream);
        if (!minke__sctp_ended(sctp)) sctp->user.reset_done(sctp->user.user, ids[i], result);
    }
    minke__free(sctp->env, ids);
}

void minke__sctp_write_reset_request(minke_sctp_t *sctp, minke_writer_t *w, minke_time_t now)
{
    if (sctp->resets.ids == NULL && sctp->resets.check) {
        sctp->resets.check = false;
        make_request(sctp, now);
    }
    if (sctp->resets.due && !sctp->peer.reconfig) finish(sctp, MINKE_SCTP_RESET_FAILED);
    if (!sctp->resets.due) return;
    assert(sctp->resets.ids != NULL);
    const size_t len = REQUEST_BYTES + 2 * (size_t)sctp->resets.ids_n;
    if (minke__writer_left(w) < ((len + 3) & ~(size_t)3)) return;
    minke__write_u8(w, MINKE_CHUNK_RE_CONFIG);
    minke__write_u8(w, 0);
    minke__write_u16(w, (uint16_t)len);
    minke__write_u16(w, MINKE_PARAMETER_OUTGOING_RESET);
    minke__write_u16(w, (uint16_t)(len - MINKE_SCTP_CHUNK_HEADER_BYTES));
    minke__write_u32(w, sctp->resets.seq);
    minke__write_u32(w, sctp->requests.next_seq - 1);
    minke__write_u32(w, (uint32_t)sctp->resets.last_tsn);
    for (uint32_t i = 0; i < sctp->resets.ids_n; i++) minke__write_u16(w, sctp->resets.ids[i]);
    minke__write_zeros(w, (0 - len) & 3);
    sctp->resets.due = false;
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_RESET_REQUESTED, NULL, sctp->resets.ids_n);
    const minke_time_t after = minke__rtt_base_timeout(&sctp->out.rtt)
                               << (sctp->resets.tries < 4 ? sctp->resets.tries : 4);
    minke__sctp_timers_reconfig(sctp, after < RETRY_MAX ? after : RETRY_MAX, now);
    sctp->resets.tries++;
}

/* A timeout repeats the request as it was; after an answer that asks for patience it needs a new seq, since dcSCTP
 * repeats its stored answer for the old one. */
void minke__sctp_reset_timeout(minke_sctp_t *sctp, minke_time_t now)
{
    if (sctp->resets.ids == NULL) {
        sctp->resets.check = true;
        return;
    }
    if (minke__sctp_since(sctp->resets.asked_at, now) >= GIVE_UP_AFTER) {
        finish(sctp, MINKE_SCTP_RESET_FAILED);
        return;
    }
    if (sctp->resets.patience) {
        sctp->resets.patience = false;
        sctp->resets.seq++;
        sctp->resets.tries = 0;
    }
    sctp->resets.due = true;
}

void minke__sctp_recv_reset_response(minke_sctp_t *sctp, uint32_t seq, uint32_t result, minke_time_t now)
{
    /* pion and usrsctp answer a deferred request twice; the second answer may come for a seq already left behind. */
    if (sctp->resets.ids == NULL || seq != sctp->resets.seq || sctp->resets.tries == 0) return;
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_RESET_ANSWERED, NULL, result);
    switch (result) {
    case MINKE_RECONFIG_NOTHING_TO_DO:
    case MINKE_RECONFIG_PERFORMED: finish(sctp, MINKE_SCTP_RESET_PERFORMED); break;
    case MINKE_RECONFIG_IN_PROGRESS:
    case MINKE_RECONFIG_ALREADY_RUNNING:
        sctp->resets.patience = true;
        sctp->resets.due = false;
        minke__sctp_timers_reconfig(sctp, minke__rtt_base_timeout(&sctp->out.rtt), now);
        break;
    default: finish(sctp, MINKE_SCTP_RESET_FAILED); break;
    }
}

void minke__sctp_free_resets(minke_sctp_t *sctp)
{
    minke__free(sctp->env, sctp->resets.ids);
    sctp->resets.ids = NULL;
}
