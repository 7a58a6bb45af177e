#include "ice/strangers.h"

#include "base/address.h"
#include "base/list.h"
#include "base/map.h"
#include "ice/binding.h"

#include <string.h>

enum {
    DEFAULT_CAPACITY = 1024,
    PER_ADDRESS_MAX = 4, /* sessions that one 5-tuple may be starting: a NAT's reuse, a dialer that tries v1 and v2 */
    ANSWERS_MAX = 64
};

static const minke_time_t default_live_for = 10 * 1000 * 1000;

/*
 * One (address, ufrags) that has passed a check. Allocated with exactly the text that it needs, some 200 bytes for
 * every dialer known; the largest USERNAME makes it 700, so the table is bounded by its count.
 */
typedef struct record {
    minke_map_node_t by_address;
    minke_list_t by_age; /* in strangers.unproven or .proven, by the last check */
    minke_list_t due;    /* in strangers.due while a check is to be sent */
    minke_path_t path;
    uint8_t transaction_id[MINKE_STUN_TRANSACTION_ID_BYTES];
    bool validated, nominated, checked;
    uint16_t username_len;
    uint32_t received, sent;
    minke_time_t asked_at;   /* its last check */
    minke_time_t checked_at; /* our last check, if `checked` */
    char username[];         /* as in its checks; all credentials follow from it */
} record_t;

struct minke_strangers {
    const minke_env_t *env;
    minke_map_t records;
    minke_list_t unproven, proven, due;
    uint32_t capacity;
    minke_time_t live_for;
    uint64_t tie_breaker;
    minke_answers_t answers;
};

minke_strangers_t *minke__strangers_new(const minke_env_t *env, uint32_t capacity, minke_time_t live_for)
{
    minke_strangers_t *strangers = minke__alloc_zero(env, sizeof *strangers);
    if (strangers == NULL) return NULL;
    strangers->env = env;
    strangers->capacity = capacity != 0 ? capacity : DEFAULT_CAPACITY;
    strangers->live_for = live_for != 0 ? live_for : default_live_for;
    minke__map_init(&strangers->records, env);
    minke__list_init(&strangers->unproven);
    minke__list_init(&strangers->proven);
    minke__list_init(&strangers->due);
    minke__random_fill(env, &strangers->tie_breaker, sizeof strangers->tie_breaker);
    minke__answers_init(&strangers->answers, env, ANSWERS_MAX);
    return strangers;
}

static void forget(minke_strangers_t *strangers, record_t *record)
{
    minke__map_remove(&strangers->records, &record->by_address);
    minke__list_remove(&record->by_age);
    minke__list_remove(&record->due);
    minke__free(strangers->env, record);
}

/* NULL when empty. */
static record_t *oldest(const minke_list_t *list)
{
    return minke__list_empty(list) ? NULL : MINKE_CONTAINER(list->next, record_t, by_age);
}

void minke__strangers_free(minke_strangers_t *strangers)
{
    if (strangers == NULL) return;
    for (record_t *record; (record = oldest(&strangers->unproven)) != NULL;) forget(strangers, record);
    for (record_t *record; (record = oldest(&strangers->proven)) != NULL;) forget(strangers, record);
    minke__map_free(&strangers->records);
    minke__answers_free(&strangers->answers);
    minke__free(strangers->env, strangers);
}

static void expire_list(minke_strangers_t *strangers, const minke_list_t *list, minke_time_t now)
{
    for (record_t *record; (record = oldest(list)) != NULL;) {
        if (record->asked_at > now || now - record->asked_at < strangers->live_for) return;
        forget(strangers, record);
    }
}

static void expire(minke_strangers_t *strangers, minke_time_t now)
{
    expire_list(strangers, &strangers->unproven, now);
    expire_list(strangers, &strangers->proven, now);
}

/* The local address is left out: it may be unspecified. */
static uint64_t hash_of(const minke_strangers_t *strangers, const minke_path_t *path)
{
    uint8_t key[26];
    minke_writer_t w = minke__writer(key, sizeof key);
    minke__write_u32(&w, path->socket);
    minke__write_bytes(&w, path->remote.ip, sizeof path->remote.ip);
    minke__write_u32(&w, path->remote.scope);
    minke__write_u16(&w, path->remote.port);
    return minke__hash(&strangers->records, key, w.len);
}

static record_t *next_at(minke_map_node_t *node, const minke_path_t *path)
{
    for (; node != NULL; node = minke__map_next(node)) {
        record_t *record = MINKE_CONTAINER(node, record_t, by_address);
        if (minke__path_equal(&record->path, path)) return record;
    }
    return NULL;
}

/* The records of one address, PER_ADDRESS_MAX at most. */
static record_t *first_at(const minke_strangers_t *strangers, const minke_path_t *path)
{
    return next_at(minke__map_first(&strangers->records, hash_of(strangers, path)), path);
}

static record_t *after(const record_t *record, const minke_path_t *path)
{
    return next_at(minke__map_next(&record->by_address), path);
}

static record_t *find(const minke_strangers_t *strangers, const minke_stun_message_t *request, const minke_path_t *path)
{
    for (record_t *record = first_at(strangers, path); record != NULL; record = after(record, path)) {
        if (record->username_len == request->username_len &&
            memcmp(record->username, request->username, request->username_len) == 0)
            return record;
    }
    return NULL;
}

static void evict(minke_strangers_t *strangers, record_t *record)
{
    strangers->env->counters->strangers_evicted++;
    forget(strangers, record);
}

static bool gives_way_to(const record_t *a, const record_t *b)
{
    if (a->validated != b->validated) return b->validated;
    return a->asked_at < b->asked_at;
}

static void make_room_at(minke_strangers_t *strangers, const minke_path_t *path)
{
    record_t *victim = NULL;
    size_t n = 0;
    for (record_t *record = first_at(strangers, path); record != NULL; record = after(record, path)) {
        if (victim == NULL || gives_way_to(record, victim)) victim = record;
        n++;
    }
    if (n >= PER_ADDRESS_MAX) evict(strangers, victim);
}

/* A table full of proven addresses loses the oldest of those, or whoever owns many could shut everybody else out. */
static void make_room(minke_strangers_t *strangers, const minke_path_t *path)
{
    make_room_at(strangers, path);
    if (strangers->records.count < strangers->capacity) return;
    record_t *victim = oldest(&strangers->unproven);
    evict(strangers, victim != NULL ? victim : oldest(&strangers->proven));
}

static record_t *add(minke_strangers_t *strangers, const minke_stun_message_t *request, const minke_path_t *path)
{
    make_room(strangers, path);
    record_t *record = minke__alloc_zero(strangers->env, sizeof *record + request->username_len);
    if (record == NULL) return NULL;
    record->path = *path;
    record->username_len = (uint16_t)request->username_len;
    memcpy(record->username, request->username, request->username_len);
    minke__list_init(&record->by_age);
    minke__list_init(&record->due);
    if (minke__map_insert(&strangers->records, &record->by_address, hash_of(strangers, path)) != MINKE_OK) {
        minke__free(strangers->env, record);
        return NULL;
    }
    return record;
}

static void touch(minke_strangers_t *strangers, record_t *record, minke_time_t now)
{
    record->asked_at = now;
    minke__list_remove(&record->by_age);
    minke__list_append(record->validated ? &strangers->proven : &strangers->unproven, &record->by_age);
}

static bool wants_check(const record_t *record, minke_time_t now)
{
    if (record->validated || minke__list_linked(&record->due)) return false;
    return !record->checked || now >= record->checked_at + MINKE_ICE_TRY_AGAIN_AFTER;
}

/* The rules of spec/webrtc-direct.md 5.2 in their order; 1 and the FINGERPRINT of 5 have been seen to by the parser. A
 * request that earns an error leaves no record: the error is smaller than the request. */
static void recv_request(minke_strangers_t *strangers, const minke_stun_message_t *request, const minke_path_t *path,
                         minke_time_t now)
{
    minke_direct_username_t names;
    if (request->username == NULL || !minke__direct_username_parse(request->username, request->username_len, &names) ||
        !minke__stun_verify(request, names.server_ufrag, names.server_ufrag_len) ||
        minke__answers_full(&strangers->answers)) {
        strangers->env->counters->stun_refused++;
        return;
    }
    const uint16_t error = minke__answer_error(request, false);
    record_t *record = NULL;
    if (error == 0) {
        record = find(strangers, request, path);
        if (record == NULL) record = add(strangers, request, path);
        if (record == NULL) return; /* no memory: no answer, the dialer will ask again */
    }
    const size_t answer_len =
        minke__answers_push(&strangers->answers, request, path, error, names.server_ufrag, names.server_ufrag_len);
    if (record == NULL) return;
    touch(strangers, record, now);
    record->received += (uint32_t)request->len;
    record->sent += (uint32_t)answer_len;
    record->nominated = record->nominated || request->use_candidate;
    if (!wants_check(record, now)) return;
    if (!record->checked) minke__random_fill(strangers->env, record->transaction_id, sizeof record->transaction_id);
    minke__list_append(&strangers->due, &record->due);
}

static minke_direct_username_t names_of(const record_t *record)
{
    minke_direct_username_t names = {0};
    (void)minke__direct_username_parse(record->username, record->username_len, &names);
    return names;
}

static bool answers_check(const record_t *record, const minke_stun_message_t *response)
{
    if (memcmp(record->transaction_id, response->transaction_id, sizeof record->transaction_id) != 0) return false;
    const minke_direct_username_t names = names_of(record);
    return minke__stun_verify(response, names.client_pwd, names.client_pwd_len);
}

/* An authentic refusal proves the address as well as a success does. */
static void recv_response(minke_strangers_t *strangers, const minke_stun_message_t *response, const minke_path_t *path)
{
    for (record_t *record = first_at(strangers, path); record != NULL; record = after(record, path)) {
        if (!answers_check(record, response)) continue;
        record->received += (uint32_t)response->len;
        if (record->validated) return; /* the check went out twice */
        record->validated = true;
        minke__list_remove(&record->due);
        touch(strangers, record, record->asked_at);
        return;
    }
    strangers->env->counters->stun_unexpected++;
}

void minke__strangers_recv(minke_strangers_t *strangers, const minke_stun_message_t *message, const minke_path_t *path,
                           minke_time_t now)
{
    expire(strangers, now);
    switch (message->type) {
    case MINKE_STUN_BINDING_REQUEST: recv_request(strangers, message, path, now); return;
    case MINKE_STUN_BINDING_SUCCESS:
    case MINKE_STUN_BINDING_ERROR: recv_response(strangers, message, path); return;
    case MINKE_STUN_BINDING_INDICATION: return; /* a keep-alive */
    default: strangers->env->counters->stun_refused++; return;
    }
}

static size_t write_check(const minke_strangers_t *strangers, const record_t *record, uint8_t *out, size_t capacity)
{
    const minke_direct_username_t names = names_of(record);
    const minke_check_t check = {
        .transaction_id = record->transaction_id,
        .left = names.client_ufrag,
        .left_len = names.client_ufrag_len,
        .right = names.server_ufrag,
        .right_len = names.server_ufrag_len,
        .pwd = names.client_pwd,
        .pwd_len = names.client_pwd_len,
        .tie_breaker = strangers->tie_breaker,
    };
    return minke__check_write(&check, out, capacity);
}

static size_t send_check(minke_strangers_t *strangers, record_t *record, uint8_t *out, size_t capacity,
                         minke_time_t now)
{
    const size_t len = write_check(strangers, record, out, capacity);
    if (record->sent + len > (uint64_t)MINKE_ICE_UNPROVEN_FACTOR * record->received) {
        strangers->env->counters->amplification_held++;
        return 0;
    }
    record->sent += (uint32_t)len;
    record->checked = true;
    record->checked_at = now;
    return len;
}

size_t minke__strangers_transmit(minke_strangers_t *strangers, uint8_t *out, size_t capacity, minke_path_t *path,
                                 minke_time_t now)
{
    expire(strangers, now);
    const size_t answer_len = minke__answers_pop(&strangers->answers, out, capacity, path);
    if (answer_len > 0) return answer_len;
    for (minke_list_t *node; (node = minke__list_pop(&strangers->due)) != NULL;) {
        record_t *record = MINKE_CONTAINER(node, record_t, due);
        const size_t len = send_check(strangers, record, out, capacity, now);
        if (len == 0) continue;
        *path = record->path;
        return len;
    }
    return 0;
}

static void set_text(char *out, const char *text, size_t len)
{
    memcpy(out, text, len);
    out[len] = 0;
}

static void describe(const record_t *record, minke_stranger_t *out)
{
    const minke_direct_username_t names = names_of(record);
    *out = (minke_stranger_t){
        .path = record->path,
        .version = names.version,
        .validated = record->validated,
        .nominated = record->nominated,
        .received = record->received,
        .sent = record->sent,
        .checked = record->checked,
        .checked_at = record->checked_at,
    };
    memcpy(out->transaction_id, record->transaction_id, sizeof out->transaction_id);
    set_text(out->local.ufrag, names.server_ufrag, names.server_ufrag_len);
    set_text(out->local.pwd, names.server_ufrag, names.server_ufrag_len);
    set_text(out->remote.ufrag, names.client_ufrag, names.client_ufrag_len);
    set_text(out->remote.pwd, names.client_pwd, names.client_pwd_len);
}

static record_t *latest_at(const minke_strangers_t *strangers, const minke_path_t *path)
{
    record_t *latest = NULL;
    for (record_t *record = first_at(strangers, path); record != NULL; record = after(record, path)) {
        if (latest == NULL || record->asked_at > latest->asked_at) latest = record;
    }
    return latest;
}

bool minke__strangers_validated(const minke_strangers_t *strangers, const minke_path_t *path)
{
    const record_t *latest = latest_at(strangers, path);
    return latest != NULL && latest->validated;
}

bool minke__strangers_take(minke_strangers_t *strangers, const minke_path_t *path, minke_time_t now,
                           minke_stranger_t *out)
{
    expire(strangers, now);
    record_t *latest = latest_at(strangers, path);
    if (latest == NULL) return false;
    describe(latest, out);
    forget(strangers, latest);
    return true;
}

uint32_t minke__strangers_count(const minke_strangers_t *strangers) { return (uint32_t)strangers->records.count; }
