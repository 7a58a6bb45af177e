#include "sctp/inbound.h"

#include <string.h>

#include "base/list.h"
#include "sctp/chunk.h"
#include "sctp/tsn.h"

typedef struct minke_inbound_stream {
    minke_map_node_t node;
    minke_list_t held;  /* chunks of this generation */
    minke_list_t later; /* chunks of the next one */
    struct held *ready; /* complete unordered messages that wait for a boundary, and the last of them */
    struct held *ready_last;
    uint64_t next_tsn;  /* inside a message: where it goes on */
    uint64_t reset_tsn; /* a deferred reset's last TSN; 0: none */
    uint64_t skip_tsn;  /* the FORWARD-TSN that was applied last: its held chunks are searched once */
    uint16_t id;
    uint16_t next_ssn; /* inside a message: its own */
    uint8_t generation;
    bool inside;
} stream_t;

typedef struct held {
    minke_map_node_t node;
    minke_list_t link; /* in its stream's list */
    struct held *next_ready;
    uint64_t key;
    uint64_t tsn;
    uint64_t run_end; /* unordered: the other end of the run of fragments that this one is an end of */
    uint32_t ppid;
    uint16_t stream_id;
    uint16_t ssn;
    uint16_t len;
    uint8_t flags;
    uint8_t bytes[];
} held_t;

static bool is_unordered(uint8_t flags) { return (flags & MINKE_DATA_UNORDERED) != 0; }
static bool is_begin(uint8_t flags) { return (flags & MINKE_DATA_BEGIN) != 0; }
static bool is_end(uint8_t flags) { return (flags & MINKE_DATA_END) != 0; }

void minke__inbound_init(minke_inbound_t *inbound, const minke_env_t *env, const minke_sctp_user_t *user,
                         uint32_t held_max)
{
    *inbound = (minke_inbound_t){.env = env, .user = user, .held_max = held_max};
    minke__map_init(&inbound->streams, env);
    minke__map_init(&inbound->held, env);
}

/* -- held chunks -------------------------------------------------------------------------------------------------- */

/* TSNs are below 2^63, so the two kinds of key cannot meet. */
static uint64_t message_key(uint16_t stream_id, uint8_t generation, uint16_t ssn)
{
    return (uint64_t)1 << 63 | (uint64_t)generation << 32 | (uint64_t)stream_id << 16 | ssn;
}

static held_t *find_held(const minke_inbound_t *inbound, uint64_t key)
{
    if (inbound->held.count == 0) return NULL;
    minke_map_node_t *node = minke__map_first(&inbound->held, minke__hash(&inbound->held, &key, sizeof key));
    for (; node != NULL; node = minke__map_next(node)) {
        held_t *held = MINKE_CONTAINER(node, held_t, node);
        if (held->key == key) return held;
    }
    return NULL;
}

static uint32_t cost(uint16_t len) { return (uint32_t)sizeof(held_t) + len; }

static held_t *hold(minke_inbound_t *inbound, const minke_sctp_data_t *data, uint64_t key, minke_list_t *list,
                    bool urgent)
{
    const uint64_t most = urgent ? 2 * (uint64_t)inbound->held_max : inbound->held_max;
    if ((uint64_t)inbound->held_bytes + cost(data->len) > most) return NULL;
    held_t *held = minke__alloc(inbound->env, sizeof *held + data->len);
    if (held == NULL) return NULL;
    *held = (held_t){.key = key,
                     .tsn = data->tsn,
                     .run_end = data->tsn,
                     .ppid = data->ppid,
                     .stream_id = data->stream_id,
                     .ssn = data->ssn,
                     .len = data->len,
                     .flags = data->flags};
    memcpy(held->bytes, data->bytes, data->len);
    if (minke__map_insert(&inbound->held, &held->node, minke__hash(&inbound->held, &key, sizeof key)) < 0) {
        minke__free(inbound->env, held);
        return NULL;
    }
    minke__list_append(list, &held->link);
    inbound->held_bytes += cost(data->len);
    return held;
}

static void let_go(minke_inbound_t *inbound, held_t *held)
{
    minke__map_remove(&inbound->held, &held->node);
    minke__list_remove(&held->link);
    inbound->held_bytes -= cost(held->len);
    minke__free(inbound->env, held);
}

static void let_all_go(minke_inbound_t *inbound, minke_list_t *list)
{
    while (!minke__list_empty(list)) let_go(inbound, MINKE_CONTAINER(list->next, held_t, link));
}

/* -- streams ------------------------------------------------------------------------------------------------------ */

static stream_t *find_stream(minke_inbound_t *inbound, uint16_t id)
{
    if (inbound->recent != NULL && inbound->recent->id == id) return inbound->recent;
    minke_map_node_t *node = minke__map_first(&inbound->streams, minke__hash(&inbound->streams, &id, sizeof id));
    for (; node != NULL; node = minke__map_next(node)) {
        stream_t *stream = MINKE_CONTAINER(node, stream_t, node);
        if (stream->id == id) return inbound->recent = stream;
    }
    return NULL;
}

static stream_t *need_stream(minke_inbound_t *inbound, uint16_t id)
{
    stream_t *stream = find_stream(inbound, id);
    if (stream != NULL) return stream;
    stream = minke__alloc(inbound->env, sizeof *stream);
    if (stream == NULL) return NULL;
    *stream = (stream_t){.id = id};
    minke__list_init(&stream->held);
    minke__list_init(&stream->later);
    if (minke__map_insert(&inbound->streams, &stream->node, minke__hash(&inbound->streams, &id, sizeof id)) < 0) {
        minke__free(inbound->env, stream);
        return NULL;
    }
    return inbound->recent = stream;
}

static void drop_stream(minke_inbound_t *inbound, stream_t *stream)
{
    let_all_go(inbound, &stream->held);
    let_all_go(inbound, &stream->later);
    minke__map_remove(&inbound->streams, &stream->node);
    if (inbound->recent == stream) inbound->recent = NULL;
    minke__free(inbound->env, stream);
}

void minke__inbound_free(minke_inbound_t *inbound)
{
    for (size_t i = 0; i < inbound->streams.buckets_n; i++) {
        while (inbound->streams.buckets[i] != NULL) {
            drop_stream(inbound, MINKE_CONTAINER(inbound->streams.buckets[i], stream_t, node));
        }
    }
    minke__map_free(&inbound->streams);
    minke__map_free(&inbound->held);
}

bool minke__inbound_knows(minke_inbound_t *inbound, uint16_t stream_id)
{
    return find_stream(inbound, stream_id) != NULL;
}

/* -- delivery ----------------------------------------------------------------------------------------------------- */

static void hand_up(minke_inbound_t *inbound, const minke_sctp_data_t *data)
{
    if (inbound->stopped) return;
    const minke_sctp_fragment_t fragment = {.data = data->bytes,
                                            .len = data->len,
                                            .ppid = data->ppid,
                                            .stream_id = data->stream_id,
                                            .begin = is_begin(data->flags),
                                            .end = is_end(data->flags)};
    inbound->delivered += data->len;
    inbound->user->data(inbound->user->user, &fragment);
}

static void hand_up_ordered(minke_inbound_t *inbound, stream_t *stream, const minke_sctp_data_t *data)
{
    stream->inside = !is_end(data->flags);
    stream->next_tsn = data->tsn + 1;
    if (!stream->inside) stream->next_ssn++;
    hand_up(inbound, data);
}

static minke_sctp_data_t held_data(const held_t *held)
{
    return (minke_sctp_data_t){.bytes = held->bytes,
                               .tsn = held->tsn,
                               .ppid = held->ppid,
                               .len = held->len,
                               .stream_id = held->stream_id,
                               .ssn = held->ssn,
                               .flags = held->flags};
}

static void hand_up_unordered(minke_inbound_t *inbound, held_t *first)
{
    for (held_t *held = first; held != NULL;) {
        const minke_sctp_data_t data = held_data(held);
        held_t *next = is_end(held->flags) ? NULL : find_held(inbound, held->tsn + 1);
        hand_up(inbound, &data);
        let_go(inbound, held);
        held = next;
    }
}

static bool continues(const stream_t *stream, const minke_sctp_data_t *data)
{
    return data->stream_id == stream->id && data->ssn == stream->next_ssn && !is_begin(data->flags) &&
           !is_unordered(data->flags);
}

/* Hands up whatever of the held chunks comes next now. */
static minke_inbound_result_t advance(minke_inbound_t *inbound, stream_t *stream)
{
    while (inbound->held.count > 0 && !inbound->stopped) {
        if (!stream->inside && stream->ready != NULL) {
            held_t *first = stream->ready;
            stream->ready = first->next_ready;
            hand_up_unordered(inbound, first);
            continue;
        }
        held_t *held = find_held(
            inbound, stream->inside ? stream->next_tsn : message_key(stream->id, stream->generation, stream->next_ssn));
        if (held == NULL) break;
        const minke_sctp_data_t data = held_data(held);
        if (stream->inside && !continues(stream, &data)) return MINKE_INBOUND_VIOLATION;
        hand_up_ordered(inbound, stream, &data);
        let_go(inbound, held);
    }
    return MINKE_INBOUND_TAKEN;
}

/* -- arrival ------------------------------------------------------------------------------------------------------ */

static bool is_violation(const stream_t *stream, const minke_sctp_data_t *data)
{
    if (!stream->inside) return false;
    if (data->tsn == stream->next_tsn) return !continues(stream, data);
    return is_begin(data->flags) && data->ssn == stream->next_ssn; /* the message begins twice */
}

static minke_inbound_result_t hold_ordered(minke_inbound_t *inbound, stream_t *stream, const minke_sctp_data_t *data,
                                           bool later, bool urgent)
{
    const uint8_t generation = (uint8_t)(stream->generation + (later ? 1 : 0));
    const uint64_t key = is_begin(data->flags) ? message_key(stream->id, generation, data->ssn) : data->tsn;
    if (find_held(inbound, key) != NULL) return MINKE_INBOUND_VIOLATION; /* two messages with one SSN */
    held_t *held = hold(inbound, data, key, later ? &stream->later : &stream->held, urgent);
    return held != NULL ? MINKE_INBOUND_TAKEN : MINKE_INBOUND_REFUSED;
}

static minke_inbound_result_t take_ordered(minke_inbound_t *inbound, stream_t *stream, const minke_sctp_data_t *data,
                                           bool urgent)
{
    if (is_violation(stream, data)) return MINKE_INBOUND_VIOLATION;
    /* Its turn is over and never comes again: a remote whose idea of the stream differs. That stream stands still; no
     * reason to end the others. */
    if (minke__ssn_before(data->ssn, stream->next_ssn)) return MINKE_INBOUND_STALE;
    const bool next =
        stream->inside ? data->tsn == stream->next_tsn : is_begin(data->flags) && data->ssn == stream->next_ssn;
    if (!next) return hold_ordered(inbound, stream, data, false, urgent);
    hand_up_ordered(inbound, stream, data);
    return advance(inbound, stream);
}

/* The neighbour of an unordered fragment, if it belongs to the same message. */
static held_t *unordered_neighbour(const minke_inbound_t *inbound, uint64_t tsn, uint16_t stream_id,
                                   uint8_t must_not_have)
{
    held_t *held = find_held(inbound, tsn);
    if (held == NULL || held->stream_id != stream_id || !is_unordered(held->flags)) return NULL;
    return (held->flags & must_not_have) == 0 ? held : NULL;
}

/* Joins the new fragment with the runs on both sides; returns the first fragment if the message is complete now. */
static held_t *join(minke_inbound_t *inbound, held_t *held)
{
    held_t *first = held, *last = held;
    held_t *before =
        is_begin(held->flags) ? NULL : unordered_neighbour(inbound, held->tsn - 1, held->stream_id, MINKE_DATA_END);
    held_t *after =
        is_end(held->flags) ? NULL : unordered_neighbour(inbound, held->tsn + 1, held->stream_id, MINKE_DATA_BEGIN);
    if (before != NULL) first = find_held(inbound, before->run_end);
    if (after != NULL) last = find_held(inbound, after->run_end);
    if (first == NULL || last == NULL) return NULL;
    first->run_end = last->tsn;
    last->run_end = first->tsn;
    return is_begin(first->flags) && is_end(last->flags) ? first : NULL;
}

static minke_inbound_result_t take_unordered(minke_inbound_t *inbound, stream_t *stream, const minke_sctp_data_t *data,
                                             bool urgent)
{
    if (!stream->inside && is_begin(data->flags) && is_end(data->flags)) {
        hand_up(inbound, data);
        return MINKE_INBOUND_TAKEN;
    }
    held_t *held = hold(inbound, data, data->tsn, &stream->held, urgent);
    if (held == NULL) return MINKE_INBOUND_REFUSED;
    held_t *complete = join(inbound, held);
    if (complete == NULL) return MINKE_INBOUND_TAKEN;
    if (stream->ready == NULL) stream->ready = complete;
    else stream->ready_last->next_ready = complete;
    stream->ready_last = complete;
    return advance(inbound, stream);
}

minke_inbound_result_t minke__inbound_data(minke_inbound_t *inbound, const minke_sctp_data_t *data, bool urgent)
{
    stream_t *stream = need_stream(inbound, data->stream_id);
    if (stream == NULL) return MINKE_INBOUND_REFUSED;
    if (stream->reset_tsn != 0 && data->tsn > stream->reset_tsn) {
        if (is_unordered(data->flags)) return MINKE_INBOUND_REFUSED;
        return hold_ordered(inbound, stream, data, true, false);
    }
    if (is_unordered(data->flags)) return take_unordered(inbound, stream, data, urgent);
    return take_ordered(inbound, stream, data, urgent);
}

/* -- resets and gaps ---------------------------------------------------------------------------------------------- */

int minke__inbound_defer_reset(minke_inbound_t *inbound, uint16_t stream_id, uint64_t tsn)
{
    stream_t *stream = need_stream(inbound, stream_id);
    if (stream == NULL) return MINKE_ERROR_NO_MEMORY;
    if (stream->reset_tsn != 0) return MINKE_ERROR_EXISTS;
    stream->reset_tsn = tsn;
    return MINKE_OK;
}

uint64_t minke__inbound_deferred(minke_inbound_t *inbound, uint16_t stream_id)
{
    const stream_t *stream = find_stream(inbound, stream_id);
    return stream != NULL ? stream->reset_tsn : 0;
}

/* False: nothing is left of the stream. */
static bool restart(minke_inbound_t *inbound, stream_t *stream)
{
    let_all_go(inbound, &stream->held);
    if (minke__list_empty(&stream->later)) {
        drop_stream(inbound, stream);
        return false;
    }
    stream->held.next = stream->later.next;
    stream->held.previous = stream->later.previous;
    stream->held.next->previous = stream->held.previous->next = &stream->held;
    minke__list_init(&stream->later);
    stream->ready = stream->ready_last = NULL;
    stream->reset_tsn = 0;
    stream->next_ssn = 0;
    stream->inside = false;
    stream->generation++;
    return true;
}

static minke_inbound_result_t reset(minke_inbound_t *inbound, uint16_t id, stream_t *stream)
{
    const bool goes_on = stream != NULL && restart(inbound, stream);
    if (!inbound->stopped) inbound->user->stream_reset(inbound->user->user, id);
    return goes_on ? advance(inbound, stream) : MINKE_INBOUND_TAKEN;
}

minke_inbound_result_t minke__inbound_reset(minke_inbound_t *inbound, uint16_t stream_id)
{
    return reset(inbound, stream_id, find_stream(inbound, stream_id));
}

minke_inbound_result_t minke__inbound_reset_all(minke_inbound_t *inbound)
{
    minke_inbound_result_t result = MINKE_INBOUND_TAKEN;
    for (size_t i = 0; i < inbound->streams.buckets_n; i++) {
        for (minke_map_node_t *node = inbound->streams.buckets[i], *next; node != NULL; node = next) {
            next = node->next;
            stream_t *stream = MINKE_CONTAINER(node, stream_t, node);
            if (reset(inbound, stream->id, stream) != MINKE_INBOUND_TAKEN) result = MINKE_INBOUND_VIOLATION;
        }
    }
    return result;
}

minke_inbound_result_t minke__inbound_skip(minke_inbound_t *inbound, uint16_t stream_id, uint16_t ssn, uint64_t tsn)
{
    stream_t *stream = find_stream(inbound, stream_id);
    if (stream == NULL || minke__ssn_before(ssn, stream->next_ssn)) return MINKE_INBOUND_TAKEN;
    stream->next_ssn = (uint16_t)(ssn + 1);
    stream->inside = false;
    if (stream->skip_tsn == tsn) return advance(inbound, stream);
    stream->skip_tsn = tsn;
    for (minke_list_t *link = stream->held.next, *next; link != &stream->held; link = next) {
        next = link->next;
        held_t *held = MINKE_CONTAINER(link, held_t, link);
        if (!is_unordered(held->flags) && held->tsn <= tsn && minke__ssn_before(held->ssn, stream->next_ssn)) {
            let_go(inbound, held);
        }
    }
    return advance(inbound, stream);
}
