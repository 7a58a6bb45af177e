/* The accounts of circuits: who may have one, and what is left of it. */
#include <assert.h>

#include "relay/book_state.h"

static bool is_full(const minke_relay_book_t *book, const minke_relay_party_t *party)
{
    const uint32_t max = book->options.circuits_per_peer_max;
    return party != NULL && max != 0 && party->circuits >= max;
}

static void attach(minke_relay_circuit_t *circuit, int direction, minke_relay_party_t *party)
{
    circuit->parties[direction] = party;
    party->circuits++;
}

/* NULL: no memory. */
static minke_relay_circuit_t *add(minke_relay_book_t *book, const minke_peer_id_t *source, minke_relay_party_t *target)
{
    const minke_relay_statistics_t *statistics = &book->statistics;
    const size_t count = (size_t)statistics->circuits + statistics->circuits_asking + 1;
    if (minke__heap_reserve(&book->timers, count) < 0) return NULL;
    minke_relay_circuit_t *circuit = minke__alloc_zero(book->env, sizeof *circuit);
    if (circuit == NULL) return NULL;
    minke_relay_party_t *party = minke__relay_party_get(book, source);
    if (party == NULL) {
        minke__free(book->env, circuit);
        return NULL;
    }
    attach(circuit, MINKE_RELAY_FROM_SOURCE, party);
    attach(circuit, MINKE_RELAY_FROM_TARGET, target);
    circuit->target_connection = target->connection;
    minke__list_init(&circuit->node);
    minke__list_append(&book->circuits, &circuit->node);
    book->statistics.circuits_asking++;
    return circuit;
}

static minke_relay_status_t connect(minke_relay_book_t *book, const minke_relay_asker_t *asker,
                                    const minke_peer_id_t *target, minke_time_t now, minke_relay_circuit_t **out)
{
    const minke_relay_statistics_t *statistics = &book->statistics;
    if (asker->relayed || minke__peer_id_equal(asker->peer, target)) return MINKE_RELAY_STATUS_PERMISSION_DENIED;
    minke__relay_reservations_expire(book, now);
    minke_relay_party_t *party = minke__relay_party_find(book, target);
    if (party == NULL || party->origin == NULL) return MINKE_RELAY_STATUS_NO_RESERVATION;
    if (is_full(book, minke__relay_party_find(book, asker->peer)) || is_full(book, party) ||
        statistics->circuits + statistics->circuits_asking >= book->options.circuits_max) {
        return MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED;
    }
    *out = add(book, asker->peer, party);
    return *out != NULL ? MINKE_RELAY_STATUS_OK : MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED;
}

minke_relay_status_t minke__relay_book_connect(minke_relay_book_t *book, const minke_relay_asker_t *asker,
                                               const minke_peer_id_t *target, minke_time_t now,
                                               minke_relay_circuit_t **out)
{
    *out = NULL;
    const minke_relay_status_t status = connect(book, asker, target, now, out);
    if (status != MINKE_RELAY_STATUS_OK) minke__relay_book_count_refusal(book, MINKE_HOP_CONNECT, status);
    return status;
}

void minke__relay_circuit_start(minke_relay_book_t *book, minke_relay_circuit_t *circuit, minke_time_t now)
{
    assert(!circuit->open);
    circuit->open = true;
    book->statistics.circuits_asking--;
    book->statistics.circuits++;
    book->statistics.circuits_opened++;
    minke__heap_set(&book->timers, &circuit->timer, minke__relay_time_after(now, book->options.circuit_after));
}

static void forget(minke_relay_book_t *book, minke_relay_circuit_t *circuit)
{
    minke__heap_set(&book->timers, &circuit->timer, MINKE_TIME_NEVER);
    minke__list_remove(&circuit->node);
    for (int i = 0; i < 2; i++) {
        circuit->parties[i]->circuits--;
        minke__relay_party_release(book, circuit->parties[i]);
    }
    if (circuit->open) book->statistics.circuits--;
    else book->statistics.circuits_asking--;
    minke__free(book->env, circuit);
}

void minke__relay_circuit_refuse(minke_relay_book_t *book, minke_relay_circuit_t *circuit, minke_relay_status_t status)
{
    assert(!circuit->open);
    forget(book, circuit);
    minke__relay_book_count_refusal(book, MINKE_HOP_CONNECT, status);
}

void minke__relay_circuit_close(minke_relay_book_t *book, minke_relay_circuit_t *circuit, minke_relay_end_t end)
{
    assert(circuit->open);
    forget(book, circuit);
    book->statistics.circuits_ended[end]++;
}

uint64_t minke__relay_circuit_allowance(const minke_relay_book_t *book, const minke_relay_circuit_t *circuit,
                                        int direction)
{
    const uint64_t max = book->options.circuit_bytes;
    return max != 0 ? max - circuit->relayed[direction] : UINT64_MAX;
}

void minke__relay_circuit_count(minke_relay_book_t *book, minke_relay_circuit_t *circuit, int direction, uint64_t n)
{
    assert(circuit->open && n <= minke__relay_circuit_allowance(book, circuit, direction));
    circuit->relayed[direction] += n;
    book->statistics.bytes_relayed += n;
}

const minke_peer_id_t *minke__relay_circuit_peer(const minke_relay_circuit_t *circuit, int direction)
{
    return &circuit->parties[direction]->id;
}

void minke__relay_circuits_find_due(minke_relay_book_t *book, minke_time_t now)
{
    for (minke_heap_node_t *top; (top = minke__heap_top(&book->timers)) != NULL && top->at <= now;) {
        minke_relay_circuit_t *circuit = MINKE_CONTAINER(top, minke_relay_circuit_t, timer);
        minke__heap_set(&book->timers, top, MINKE_TIME_NEVER);
        minke__list_remove(&circuit->node);
        minke__list_append(&book->due, &circuit->node);
    }
}

minke_relay_circuit_t *minke__relay_book_next_due(minke_relay_book_t *book)
{
    minke_list_t *node = minke__list_pop(&book->due);
    if (node == NULL) return NULL;
    minke__list_append(&book->circuits, node);
    return MINKE_CONTAINER(node, minke_relay_circuit_t, node);
}

void minke__relay_circuits_free(minke_relay_book_t *book)
{
    minke_list_t *const lists[] = {&book->circuits, &book->due};
    for (int i = 0; i < 2; i++) {
        while (!minke__list_empty(lists[i])) forget(book, MINKE_CONTAINER(lists[i]->next, minke_relay_circuit_t, node));
    }
}
