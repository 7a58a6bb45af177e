#include "relay/book.h"

#include <assert.h>

#include "relay/book_state.h"

static const minke_time_t second = 1000 * 1000;

minke_relay_options_t minke__relay_options_defaults(void)
{
    return (minke_relay_options_t){
        .reservations_max = 1024,
        .reservations_per_address_max = 16,
        .reservation_after = 3600 * second,
        .circuits_max = 1024,
        .circuits_per_peer_max = 16,
        .circuit_after = 120 * second,
        .circuit_bytes = 131072,
    };
}

int minke__relay_book_new(const minke_env_t *env, const minke_relay_options_t *options, minke_relay_book_t **out)
{
    *out = NULL;
    if (options->reservation_after == 0 || options->reservation_after % second != 0) return MINKE_ERROR_INVALID;
    minke_relay_book_t *book = minke__alloc_zero(env, sizeof *book);
    if (book == NULL) return MINKE_ERROR_NO_MEMORY;
    book->env = env;
    book->options = *options;
    minke__map_init(&book->parties, env);
    minke__map_init(&book->origins, env);
    minke__heap_init(&book->expiries, env);
    minke__heap_init(&book->timers, env);
    minke__list_init(&book->circuits);
    minke__list_init(&book->due);
    *out = book;
    return MINKE_OK;
}

void minke__relay_book_free(minke_relay_book_t *book)
{
    if (book == NULL) return;
    minke__relay_circuits_free(book);
    minke__relay_reservations_free(book);
    minke__map_free(&book->parties);
    minke__map_free(&book->origins);
    minke__heap_free(&book->expiries);
    minke__heap_free(&book->timers);
    minke__free(book->env, book);
}

minke_time_t minke__relay_time_after(minke_time_t now, minke_time_t span)
{
    if (span == 0) return MINKE_TIME_NEVER;
    return span < MINKE_TIME_NEVER - now ? now + span : MINKE_TIME_NEVER - 1;
}

static minke_time_t earliest(const minke_heap_t *heap)
{
    const minke_heap_node_t *top = minke__heap_top(heap);
    return top != NULL ? top->at : MINKE_TIME_NEVER;
}

minke_time_t minke__relay_book_deadline(const minke_relay_book_t *book)
{
    const minke_time_t expiry = earliest(&book->expiries), timer = earliest(&book->timers);
    return expiry < timer ? expiry : timer;
}

void minke__relay_book_tick(minke_relay_book_t *book, minke_time_t now)
{
    minke__relay_reservations_expire(book, now);
    minke__relay_circuits_find_due(book, now);
}

const minke_relay_options_t *minke__relay_book_options(const minke_relay_book_t *book) { return &book->options; }

const minke_relay_statistics_t *minke__relay_book_statistics(const minke_relay_book_t *book)
{
    return &book->statistics;
}

void minke__relay_book_count_refusal(minke_relay_book_t *book, uint64_t hop_type, minke_relay_status_t status)
{
    minke_relay_statistics_t *statistics = &book->statistics;
    const size_t i = minke__relay_status_index(status);
    assert(i < MINKE_RELAY_STATUSES_N);
    switch (hop_type) {
    case MINKE_HOP_RESERVE: statistics->reservations_refused[i]++; break;
    case MINKE_HOP_CONNECT: statistics->circuits_refused[i]++; break;
    default: statistics->requests_refused[i]++; break;
    }
}
