/* The frame parser must say the same of the same bytes however they are cut, and never hand out more than it was given.
 * The first byte seeds the cuts. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "stream/frame.h"

typedef struct outcome {
    uint64_t digest;
    size_t payload, frames;
    bool malformed;
} outcome_t;

static void mix(outcome_t *out, uint64_t value) { out->digest = (out->digest ^ value) * UINT64_C(0x100000001b3); }

static void feed(minke_frame_parser_t *parser, const uint8_t *data, size_t len, outcome_t *out)
{
    minke_reader_t r = minke__reader(data, len);
    while (!out->malformed) {
        const uint8_t *payload = NULL;
        size_t n = 0;
        switch (minke__frame_next(parser, 300, &r, &payload, &n)) {
        case MINKE_FRAME_MORE: assert(minke__reader_left(&r) == 0); return;
        case MINKE_FRAME_PAYLOAD:
            assert(n > 0 && payload >= data && payload + n <= data + len);
            for (size_t i = 0; i < n; i++) mix(out, payload[i]);
            out->payload += n;
            break;
        case MINKE_FRAME_END:
            mix(out, UINT64_C(0x10000) + parser->flag);
            mix(out, parser->code);
            out->frames++;
            break;
        case MINKE_FRAME_MALFORMED: out->malformed = true;
        }
    }
}

static void feed_copy(minke_frame_parser_t *parser, const uint8_t *data, size_t len, outcome_t *out)
{
    uint8_t *copy = malloc(len); /* of exactly this size */
    assert(copy != NULL);
    memcpy(copy, data, len);
    feed(parser, copy, len, out);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    uint32_t seed = data[0];
    data++;
    size--;
    outcome_t whole = {.payload = 0}, cut = {.payload = 0};
    minke_frame_parser_t parser = {0};
    feed_copy(&parser, data, size, &whole);
    parser = (minke_frame_parser_t){0};
    for (size_t at = 0, n; at < size; at += n) {
        seed = seed * 1664525 + 1013904223;
        n = 1 + (seed >> 24) % 9;
        if (n > size - at) n = size - at;
        feed_copy(&parser, data + at, n, &cut);
    }
    assert(whole.digest == cut.digest && whole.payload == cut.payload);
    assert(whole.frames == cut.frames && whole.malformed == cut.malformed);
    assert(whole.payload <= size && whole.frames <= size);
    return 0;
}
