#include "host/dial.h"

#include <string.h>

#include "base/wire.h"
#include "host/link.h"
#include "host/reservation.h"
#include "host/signalling.h"
#include "webrtc/endpoint.h"

/* RFC 8305 5: the connection attempt delay. */
enum { ATTEMPT_DELAY = 250000 };

static void start_next(minke_node_t *node, minke_node_dial_t *dial);
static void fail_dial(minke_node_t *node, minke_node_dial_t *dial);

/* ---- finding ---- */

minke_node_dial_t *minke__dial_find(const minke_node_t *node, minke_connection_t id)
{
    return minke__is_dial_id(id) ? minke__handles_get(&node->dials, id & ~MINKE_DIAL_ID) : NULL;
}

bool minke__node_is_dialling(const minke_node_t *node, minke_connection_t id)
{
    const minke_node_dial_t *dial = minke__dial_find(node, id);
    return dial != NULL && dial->connection == NULL && !dial->over;
}

static minke_node_attempt_t *attempt_below(const minke_node_t *node, minke_connection_t below)
{
    for (minke_map_node_t *item = minke__map_first(&node->below, below); item != NULL; item = minke__map_next(item)) {
        minke_node_attempt_t *a = MINKE_CONTAINER(item, minke_node_attempt_t, by_below);
        if (a->below == below) return a;
    }
    return NULL;
}

bool minke__dial_attempts(const minke_node_t *node, minke_connection_t below)
{
    return attempt_below(node, below) != NULL;
}

/* ---- attempts come and go ---- */

static void trace_attempt(minke_node_t *node, const minke_node_attempt_t *a, minke_layer_t layer, minke_trace_id_t id)
{
    char text[MINKE_MULTIADDR_TEXT_BYTES];
    if (!minke__tracing(&node->env)) return;
    if (minke__multiaddr_text(&a->address, text, sizeof text) < 0) return;
    minke__trace_of_layer(&node->env, node->now, a->dial->id, layer, id, text, (uint64_t)a->dial->version);
}

/* Before `position` in the dial's list. False: out of memory, or there have been too many. */
static bool add_attempt(minke_node_t *node, minke_node_dial_t *dial, minke_list_t *position,
                        const minke_multiaddr_t *address, const minke_target_t *target)
{
    if (dial->attempts_n == MINKE_NODE_ATTEMPTS_MAX) return false;
    minke_node_attempt_t *a = minke__alloc_zero(&node->env, sizeof *a);
    if (a == NULL) return false;
    a->id = minke__handles_add(&node->attempts, a);
    if (a->id == 0) {
        minke__free(&node->env, a);
        return false;
    }
    a->dial = dial;
    a->address = *address;
    a->target = *target;
    minke__list_init(&a->siblings);
    minke__list_init(&a->to_do);
    minke__list_init(&a->dependant);
    minke__list_insert_before(position, &a->siblings);
    dial->attempts_n++;
    return true;
}

static void free_attempt(minke_node_t *node, minke_node_attempt_t *a)
{
    minke__list_remove(&a->siblings);
    minke__list_remove(&a->to_do);
    minke__list_remove(&a->dependant);
    if (a->below != 0) minke__map_remove(&node->below, &a->by_below);
    minke__handles_remove(&node->attempts, a->id);
    minke__free(&node->env, a);
}

/* Nobody else wants the connection to the relay that this attempt waits for. */
static void give_relay_up(minke_node_t *node, const minke_node_attempt_t *a)
{
    minke_node_dial_t *relay = a->relay != 0 ? minke__dial_find(node, a->relay) : NULL;
    if (relay != NULL && relay->connection == NULL && !relay->over) fail_dial(node, relay);
}

/* The dial is done with it. Until the driver, or the connection below, has heard of that it stays, without a dial. */
static void drop_attempt(minke_node_t *node, minke_node_attempt_t *a)
{
    minke__circuit_forget(node, a);
    minke__signalling_forget(node, a);
    minke__list_remove(&a->siblings);
    minke__list_remove(&a->to_do);
    minke__list_remove(&a->dependant);
    give_relay_up(node, a);
    a->state = MINKE_ATTEMPT_ENDED;
    a->dial = NULL;
    if (a->with_driver) minke__list_append(&node->attempts_to_do, &a->to_do);
    else if (a->below == 0) free_attempt(node, a);
    else (void)minke__link_close(node, a->below, "another address was faster");
}

/* ---- dials come and go ---- */

static void schedule(minke_node_t *node, minke_node_dial_t *dial)
{
    bool waiting = false;
    for (const minke_list_t *item = dial->attempts.next; item != &dial->attempts; item = item->next) {
        waiting |= MINKE_CONTAINER(item, minke_node_attempt_t, siblings)->state == MINKE_ATTEMPT_WAITING;
    }
    const bool next = waiting && dial->next_at < dial->give_up_at;
    minke__node_timer_set(node, &dial->timer, next ? dial->next_at : dial->give_up_at);
}

static void free_dial(minke_node_t *node, minke_node_dial_t *dial)
{
    while (!minke__list_empty(&dial->attempts)) {
        drop_attempt(node, MINKE_CONTAINER(dial->attempts.next, minke_node_attempt_t, siblings));
    }
    minke__list_remove(&dial->siblings);
    minke__list_remove(&dial->to_tell);
    minke__node_timer_free(node, &dial->timer);
    minke__handles_remove(&node->dials, dial->id & ~MINKE_DIAL_ID);
    minke__free(&node->env, dial);
}

static void fail_dependants(minke_node_t *node, minke_node_dial_t *dial, const minke_close_t *reason)
{
    for (minke_list_t *item; (item = minke__list_pop(&dial->dependants)) != NULL;) {
        minke__attempt_failed(node, MINKE_CONTAINER(item, minke_node_attempt_t, dependant), reason);
    }
}

static void fail_dial(minke_node_t *node, minke_node_dial_t *dial)
{
    dial->over = true;
    while (!minke__list_empty(&dial->attempts)) {
        drop_attempt(node, MINKE_CONTAINER(dial->attempts.next, minke_node_attempt_t, siblings));
    }
    minke__node_timer_free(node, &dial->timer);
    const minke_close_t failure = dial->failure;
    const minke_connection_t id = dial->id;
    fail_dependants(node, dial, &failure);
    minke__reservations_not_connected(node, id, &failure);
    if (dial->quiet) free_dial(node, dial);
    else minke__list_append(&node->dials_to_tell, &dial->to_tell);
}

/* Why the dial failed is what the attempt that got furthest ran into. */
static void note_failure(minke_node_dial_t *dial, const minke_close_t *reason)
{
    if (dial->failure.layer == MINKE_LAYER_NONE || reason->layer > dial->failure.layer) dial->failure = *reason;
}

static bool has_reached_a_relay(const minke_node_dial_t *dial)
{
    for (const minke_list_t *item = dial->attempts.next; item != &dial->attempts; item = item->next) {
        const minke_node_attempt_t *a = MINKE_CONTAINER(item, minke_node_attempt_t, siblings);
        if (a->target.circuit && (a->hop != NULL || a->state == MINKE_ATTEMPT_BELOW)) return true;
    }
    return false;
}

static void note_timeout(minke_node_dial_t *dial)
{
    if (dial->failure.layer != MINKE_LAYER_NONE) return;
    const bool relay = has_reached_a_relay(dial);
    dial->failure =
        (minke_close_t){.layer = relay ? MINKE_LAYER_RELAY : MINKE_LAYER_NETWORK, .code = MINKE_ERROR_TIMEOUT};
    minke_writer_t w = minke__writer(dial->failure.text, sizeof dial->failure.text);
    minke__write_text(&w, "no answer within ");
    minke__write_decimal(&w, (dial->give_up_at - dial->started_at) / 1000000);
    minke__write_text(&w, relay ? " s: the relay was reached, but it or the peer behind it is silent"
                                : " s: is anybody listening there, and does a firewall let it through?");
    minke__write_terminator(&w);
}

static void on_timer(minke_node_t *node, minke_node_timer_t *timer)
{
    minke_node_dial_t *dial = MINKE_CONTAINER(timer, minke_node_dial_t, timer);
    if (node->now < dial->give_up_at) {
        start_next(node, dial);
        return;
    }
    note_timeout(dial);
    fail_dial(node, dial);
}

static minke_node_dial_t *new_dial(minke_node_t *node, int version)
{
    minke_node_dial_t *dial = minke__alloc_zero(&node->env, sizeof *dial);
    if (dial == NULL) return NULL;
    const uint64_t handle = minke__handles_add(&node->dials, dial);
    if (handle == 0 || minke__node_timer_init(node, &dial->timer, on_timer) < 0) {
        if (handle != 0) minke__handles_remove(&node->dials, handle);
        minke__free(&node->env, dial);
        return NULL;
    }
    dial->id = handle | MINKE_DIAL_ID;
    dial->version = version;
    dial->started_at = node->now;
    dial->give_up_at = node->now + node->dial_after;
    minke__list_init(&dial->siblings);
    minke__list_append(&node->dialling, &dial->siblings);
    minke__list_init(&dial->to_tell);
    minke__list_init(&dial->attempts);
    minke__list_init(&dial->dependants);
    return dial;
}

void minke__dials_free(minke_node_t *node)
{
    for (minke_list_t *item; (item = node->dialling.next) != &node->dialling;) {
        free_dial(node, MINKE_CONTAINER(item, minke_node_dial_t, siblings));
    }
    for (minke_list_t *item; (item = node->attempts_to_do.next) != &node->attempts_to_do;) {
        free_attempt(node, MINKE_CONTAINER(item, minke_node_attempt_t, to_do));
    }
    for (minke_map_node_t *item; (item = minke__map_any(&node->below)) != NULL;) {
        free_attempt(node, MINKE_CONTAINER(item, minke_node_attempt_t, by_below));
    }
}

/* ---- how an attempt begins ---- */

static void fail_attempt(minke_node_t *node, minke_node_attempt_t *a, minke_layer_t layer, int code, const char *text)
{
    minke_close_t reason = {.layer = layer, .code = code};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    minke__write_text(&w, text);
    minke__write_terminator(&w);
    minke__attempt_failed(node, a, &reason);
}

static void take_below(minke_node_t *node, minke_node_attempt_t *a, minke_connection_t below)
{
    a->state = MINKE_ATTEMPT_BELOW;
    a->below = below;
    if (minke__map_insert(&node->below, &a->by_below, below) == MINKE_OK) return;
    a->below = 0;
    (void)minke__link_close(node, below, NULL);
    fail_attempt(node, a, MINKE_LAYER_HOST, MINKE_ERROR_NO_MEMORY, "out of memory");
}

static void begin_direct(minke_node_t *node, minke_node_attempt_t *a)
{
    char text[MINKE_MULTIADDR_TEXT_BYTES];
    const char *address = text;
    minke_connection_t below;
    int error = MINKE_ERROR_NO_SPACE;
    if (minke__multiaddr_text(&a->address, text, sizeof text) > 0) {
        error = minke_transport_dial(node->transport, &address, 1, a->dial->version, node->now, &below);
    }
    if (error == MINKE_OK) take_below(node, a, below);
    else fail_attempt(node, a, MINKE_LAYER_HOST, error, minke_error_text(error));
}

/* There is a connection: to the relay, or to the peer itself where signals are what it is for. */
static void go_on_over(minke_node_t *node, minke_node_attempt_t *a, minke_node_connection_t *c)
{
    if (a->target.webrtc) minke__signalling_dial(node, a, c);
    else minke__circuit_dial(node, a, c);
}

/* One that is there already. */
static minke_node_connection_t *connection_for(const minke_node_t *node, const minke_node_attempt_t *a)
{
    if (a->target.webrtc) return minke__node_connection_to(node, &a->target.destination);
    minke_node_connection_t *c = a->target.peer.len > 0 ? minke__node_connection_to(node, &a->target.peer) : NULL;
    return c != NULL && !c->relayed ? c : NULL;
}

/* The address of the one that has to be made. */
static bool address_before(const minke_node_attempt_t *a, minke_multiaddr_t *out)
{
    if (a->target.webrtc) return minke__target_circuit(&a->address, out) == MINKE_OK;
    return minke__multiaddr_from_bytes(a->address.bytes, a->target.relay_len, out) == MINKE_OK;
}

static void begin_relayed(minke_node_t *node, minke_node_attempt_t *a)
{
    minke_node_connection_t *c = connection_for(node, a);
    minke_multiaddr_t address;
    a->state = MINKE_ATTEMPT_RELAY;
    if (c != NULL) {
        go_on_over(node, a, c);
        return;
    }
    minke_node_dial_t *dial = NULL;
    if (address_before(a, &address)) dial = minke__dial_find(node, minke__dial_quietly(node, &address));
    if (dial == NULL) {
        fail_attempt(node, a, MINKE_LAYER_HOST, MINKE_ERROR_NO_MEMORY, "the relay cannot be dialled");
        return;
    }
    a->relay = dial->id;
    minke__list_append(&dial->dependants, &a->dependant);
}

static void begin(minke_node_t *node, minke_node_attempt_t *a)
{
    a->started_at = node->now;
    trace_attempt(node, a, MINKE_LAYER_NETWORK, MINKE_TRACE_NETWORK_ATTEMPT_BEGUN);
    if (a->target.circuit) {
        begin_relayed(node, a);
    } else if (a->target.name[0] != 0 && a->target.address.family == MINKE_FAMILY_NONE) {
        a->state = MINKE_ATTEMPT_RESOLVING;
        minke__list_append(&node->attempts_to_do, &a->to_do);
    } else if (a->target.kind == MINKE_TARGET_DIRECT) {
        begin_direct(node, a);
    } else {
        a->state = MINKE_ATTEMPT_CONNECTING;
        minke__list_append(&node->attempts_to_do, &a->to_do);
    }
}

/* The first that waits; or the dial is over when nobody waits or works. */
static void start_next(minke_node_t *node, minke_node_dial_t *dial)
{
    for (minke_list_t *item = dial->attempts.next; item != &dial->attempts; item = item->next) {
        minke_node_attempt_t *a = MINKE_CONTAINER(item, minke_node_attempt_t, siblings);
        if (a->state != MINKE_ATTEMPT_WAITING) continue;
        dial->next_at = node->now + ATTEMPT_DELAY;
        schedule(node, dial);
        begin(node, a); /* may have failed already, and `dial` with it */
        return;
    }
    if (minke__list_empty(&dial->attempts)) fail_dial(node, dial);
    else schedule(node, dial);
}

void minke__attempt_failed(minke_node_t *node, minke_node_attempt_t *a, const minke_close_t *reason)
{
    minke_node_dial_t *dial = a->dial;
    trace_attempt(node, a, reason->layer, MINKE_TRACE_NONE_ATTEMPT_FAILED);
    note_failure(dial, reason);
    drop_attempt(node, a);
    start_next(node, dial);
}

void minke__attempt_relayed(minke_node_t *node, minke_node_attempt_t *a, minke_connection_t below)
{
    a->hop = NULL;
    take_below(node, a, below);
}

/* ---- what the application asks for ---- */

/* Who is to be there in the end. */
static const minke_peer_id_t *peer_of(const minke_target_t *target)
{
    return target->circuit ? &target->destination : &target->peer;
}

/* False: the addresses are those of several peers. */
static bool agree_on_peer(minke_peer_id_t *peer, const minke_target_t *target)
{
    const minke_peer_id_t *named = peer_of(target);
    if (named->len == 0) return true;
    if (peer->len == 0) *peer = *named;
    return minke__peer_id_equal(peer, named);
}

static bool is_transports(const minke_target_t *target)
{
    return target->kind == MINKE_TARGET_DIRECT && target->name[0] == 0 && !target->circuit;
}

static int add_all(minke_node_t *node, minke_node_dial_t *dial, const char *const *multiaddrs, size_t count)
{
    minke_multiaddr_t address;
    minke_target_t target;
    for (size_t i = 0; i < count; i++) {
        const int error = minke__target_parse_text(multiaddrs[i], &address, &target);
        if (error < 0) return error;
        if (!agree_on_peer(&dial->peer, &target)) return MINKE_ERROR_ADDRESS;
        if (target.circuit && target.destination.len == 0) return MINKE_ERROR_ADDRESS;
        if (!add_attempt(node, dial, &dial->attempts, &address, &target)) return MINKE_ERROR_NO_MEMORY;
    }
    return MINKE_OK;
}

static bool all_are_transports(const char *const *multiaddrs, size_t count)
{
    minke_target_t target;
    for (size_t i = 0; i < count; i++) {
        if (minke__target_parse_text(multiaddrs[i], NULL, &target) < 0 || !is_transports(&target)) return false;
    }
    return true;
}

int minke__node_dial(minke_node_t *node, const char *const *multiaddrs, size_t count, int version, minke_time_t now,
                     minke_connection_t *connection)
{
    node->now = now;
    if (count == 0 || count > MINKE_DIAL_ADDRESSES_MAX || version < 0 || version > 2) return MINKE_ERROR_INVALID;
    if (all_are_transports(multiaddrs, count)) {
        return minke_transport_dial(node->transport, multiaddrs, count, version, now, connection);
    }
    if (minke__account_is_crowded(node->env.account)) return MINKE_ERROR_LIMIT;
    if (node->dials.count >= node->transport->options.connections_max) return MINKE_ERROR_LIMIT;
    minke_node_dial_t *dial = new_dial(node, version);
    if (dial == NULL) return MINKE_ERROR_NO_MEMORY;
    const int error = add_all(node, dial, multiaddrs, count);
    if (error < 0) {
        free_dial(node, dial);
        return error;
    }
    *connection = dial->id;
    minke__trace(&node->env, now, dial->id, MINKE_TRACE_HOST_DIALLING, multiaddrs[0], count);
    start_next(node, dial);
    return MINKE_OK;
}

minke_connection_t minke__dial_quietly(minke_node_t *node, const minke_multiaddr_t *address)
{
    minke_target_t target;
    if (minke__target_parse(address, &target) < 0) return 0;
    minke_node_dial_t *dial = new_dial(node, 0);
    if (dial == NULL) return 0;
    dial->peer = *peer_of(&target);
    dial->quiet = true;
    if (!add_attempt(node, dial, &dial->attempts, address, &target)) {
        free_dial(node, dial);
        return 0;
    }
    /* Not now: whoever asks has to note the number first, and hears of everything by it. */
    dial->next_at = node->now;
    schedule(node, dial);
    return dial->id;
}

void minke__dial_cancel(minke_node_t *node, minke_connection_t id)
{
    minke_node_dial_t *dial = minke__dial_find(node, id);
    if (dial == NULL || dial->connection != NULL || dial->over) return;
    dial->failure = (minke_close_t){.layer = MINKE_LAYER_HOST, .text = "closed by the application"};
    fail_dial(node, dial);
}

/* ---- what becomes of an attempt ---- */

minke_node_dial_t *minke__dial_won(minke_node_t *node, minke_connection_t below)
{
    const minke_node_attempt_t *a = attempt_below(node, below);
    return a != NULL ? a->dial : NULL;
}

void minke__dial_becomes(minke_node_t *node, minke_node_dial_t *dial, minke_node_connection_t *c)
{
    minke_node_attempt_t *winner = attempt_below(node, c->below);
    trace_attempt(node, winner, MINKE_LAYER_HOST, MINKE_TRACE_HOST_DIAL_DECIDED);
    free_attempt(node, winner);
    while (!minke__list_empty(&dial->attempts)) {
        drop_attempt(node, MINKE_CONTAINER(dial->attempts.next, minke_node_attempt_t, siblings));
    }
    minke__node_timer_free(node, &dial->timer);
    minke__list_remove(&dial->siblings);
    c->id = dial->id;
    c->dial = dial;
    dial->connection = c;
    for (minke_list_t *item; (item = minke__list_pop(&dial->dependants)) != NULL;) {
        go_on_over(node, MINKE_CONTAINER(item, minke_node_attempt_t, dependant), c);
    }
}

void minke__dial_failed(minke_node_t *node, minke_node_dial_t *dial, const minke_close_t *reason)
{
    dial->failure = *reason;
    fail_dial(node, dial);
}

bool minke__dial_lost(minke_node_t *node, minke_connection_t below, const minke_close_t *reason)
{
    minke_node_attempt_t *a = attempt_below(node, below);
    if (a == NULL) return false;
    minke__map_remove(&node->below, &a->by_below);
    a->below = 0;
    if (a->dial != NULL) minke__attempt_failed(node, a, reason);
    else free_attempt(node, a);
    return true;
}

void minke__dial_connection_ended(minke_node_t *node, minke_node_connection_t *c)
{
    if (c->dial != NULL) free_dial(node, c->dial);
    c->dial = NULL;
}

bool minke__dial_event(minke_node_t *node, minke_event_t *event)
{
    minke_list_t *item = minke__list_pop(&node->dials_to_tell);
    if (item == NULL) return false;
    minke_node_dial_t *dial = MINKE_CONTAINER(item, minke_node_dial_t, to_tell);
    node->event_peer[0] = 0;
    *event = (minke_event_t){
        .type = MINKE_EVENT_DISCONNECTED, .connection = dial->id, .peer = node->event_peer, .close = dial->failure};
    free_dial(node, dial);
    return true;
}

/* ---- the driver's part ---- */

static const char *name_of(minke_node_attempt_t *a)
{
    if (a->target.sni[0] != 0) return a->target.sni;
    return a->target.name;
}

bool minke__node_request(minke_node_t *node, minke_node_request_t *request, minke_time_t now)
{
    node->now = now;
    minke_list_t *item = minke__list_pop(&node->released);
    *request = (minke_node_request_t){0};
    if (item != NULL) {
        request->type = MINKE_REQUEST_RELEASE;
        request->carrier = MINKE_CONTAINER(item, minke_carrier_t, released);
        return true;
    }
    item = minke__list_pop(&node->attempts_to_do);
    if (item == NULL) return false;
    minke_node_attempt_t *a = MINKE_CONTAINER(item, minke_node_attempt_t, to_do);
    request->attempt = a->id;
    if (a->state == MINKE_ATTEMPT_ENDED) {
        request->type = MINKE_REQUEST_CANCEL;
        free_attempt(node, a);
        return true;
    }
    a->with_driver = true;
    request->type = a->state == MINKE_ATTEMPT_RESOLVING ? MINKE_REQUEST_RESOLVE : MINKE_REQUEST_CONNECT;
    request->address = &a->address;
    request->target = &a->target;
    request->name = name_of(a);
    return true;
}

bool minke__node_has_request(const minke_node_t *node)
{
    return !minke__list_empty(&node->released) || !minke__list_empty(&node->attempts_to_do);
}

/* An attempt that the driver still works for. */
static minke_node_attempt_t *answered(minke_node_t *node, uint64_t id, minke_time_t now)
{
    node->now = now;
    minke_node_attempt_t *a = minke__handles_get(&node->attempts, id);
    if (a == NULL || !a->with_driver || a->state == MINKE_ATTEMPT_ENDED) return NULL;
    a->with_driver = false;
    return a;
}

void minke__node_resolved(minke_node_t *node, uint64_t attempt, const minke_multiaddr_t *addresses,
                          const char (*names)[MINKE_NAME_BYTES], size_t addresses_n, const char *reason,
                          minke_time_t now)
{
    minke_node_attempt_t *a = answered(node, attempt, now);
    size_t usable = 0;
    if (a == NULL) return;
    for (size_t i = 0; i < addresses_n; i++) {
        minke_target_t target;
        if (minke__target_parse(&addresses[i], &target) < 0) continue; /* QUIC, for one */
        if (target.circuit && target.destination.len == 0) continue;
        minke_peer_id_t peer = a->dial->peer;
        if (!agree_on_peer(&peer, &target)) continue;
        if (target.name[0] == 0) memcpy(target.name, names[i], sizeof target.name);
        usable += add_attempt(node, a->dial, &a->siblings, &addresses[i], &target);
    }
    if (usable == 0) {
        fail_attempt(node, a, MINKE_LAYER_NETWORK, MINKE_ERROR_ADDRESS,
                     addresses_n == 0 ? reason
                                      : "the name leads to no address of a kind that can be dialled from here");
        return;
    }
    minke_node_dial_t *dial = a->dial;
    drop_attempt(node, a);
    start_next(node, dial);
}

int minke__node_carried(minke_node_t *node, uint64_t attempt, minke_carrier_t *carrier, minke_time_t now,
                        minke_connection_t *connection)
{
    minke_node_attempt_t *a = answered(node, attempt, now);
    if (a == NULL) return MINKE_ERROR_STALE;
    const minke_peer_id_t *expected = a->target.peer.len > 0 ? &a->target.peer : &a->dial->peer;
    minke_node_dial_t *dial = a->dial;
    const int error = minke__bytes_add(node->bytes, carrier, false, expected, now, connection);
    if (error < 0) {
        fail_attempt(node, a, MINKE_LAYER_HOST, error, minke_error_text(error));
        return error;
    }
    minke__trace_of_layer(&node->env, now, dial->id, MINKE_LAYER_NETWORK, MINKE_TRACE_NONE_STEP_DONE, NULL,
                          now - dial->started_at);
    take_below(node, a, *connection);
    return MINKE_OK;
}

void minke__node_not_carried(minke_node_t *node, uint64_t attempt, const minke_close_t *reason, minke_time_t now)
{
    minke_node_attempt_t *a = answered(node, attempt, now);
    if (a != NULL) minke__attempt_failed(node, a, reason);
}
