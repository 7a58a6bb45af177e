/* Two sessions and the byte stream between them, cut at random places. */
#ifndef MINKE_TESTS_YAMUX_PAIR_H
#define MINKE_TESTS_YAMUX_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/test_env.h"
#include "yamux/yamux.h"

enum { CLIENT, SERVER };

typedef struct pair {
    test_env_t test;
    minke_handles_t handles;
    minke_yamux_t *ends[2];
    minke_time_t now;
    minke_time_t latency;
    uint64_t random;
    uint64_t carried[2]; /* bytes that each side has sent */
} pair_t;

void pair_init(pair_t *pair, uint64_t seed, const minke_yamux_options_t *options); /* NULL: defaults */
void pair_free(pair_t *pair);
/* Moves what `from` has to send; false: nothing. */
bool pair_carry(pair_t *pair, int from);
/* Moves everything both ways, `latency` apart, until nothing is left. */
void pair_run(pair_t *pair);
/* The next event of one end, which must be of this type. */
minke_yamux_stream_t *pair_expect(pair_t *pair, int end, minke_yamux_event_type_t type);
void pair_expect_none(pair_t *pair, int end);
/* Throws all pending events away. */
void pair_drain(pair_t *pair, int end);
/* A stream from `end` to the other, surfaced there. */
minke_yamux_stream_t *pair_open(pair_t *pair, int end, minke_yamux_stream_t **other);
/* Hands one frame with a body to an end. */
void pair_inject(pair_t *pair, int end, const minke_yamux_frame_t *frame, const void *body, size_t len);

#endif
