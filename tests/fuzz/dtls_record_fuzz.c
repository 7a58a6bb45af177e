/*
 * Records from anywhere at an established connection, with genuine, damaged and repeated ones among them. The input is
 * a list of operations. What comes out must be exactly what was sealed, once each.
 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "dtls/private.h"
#include "support/test_env.h"

typedef enum operation {
    RAW,      /* u16 length, bytes: a datagram */
    GENUINE,  /* type, u8 length, bytes: sealed by the remote */
    DAMAGED,  /* the same, and one bit of it flipped: position, bit */
    REPEATED, /* the last genuine one once more */
    TIME,     /* u16 milliseconds pass */
    OURS,     /* u8 length: sealed by us, opened by the remote */
    JUMP,     /* u16: the remote skips that many numbers */
    CLOSE,
    CLEAR_RULES /* u16 length, bytes: walked and judged as in a handshake, pieces put together */
} operation_t;

enum { DATAGRAM_MAX = 2048, OPERATIONS = 9 };

#define CHECK(condition)                                                                                               \
    do                                                                                                                 \
        if (!(condition)) abort();                                                                                     \
    while (0)

typedef struct world {
    test_env_t test;
    minke_dtls_context_t context;
    minke_dtls_t *dtls;
    minke_dtls_keys_t remote;
    minke_dtls_assembly_t assembly;
    minke_time_t now;
    uint8_t last[DATAGRAM_MAX]; /* the last genuine record, as sealed */
    size_t last_len;
    uint8_t expected[256]; /* what must come out */
    size_t expected_len;
    bool expecting;
} world_t;

static void set_keys(minke_dtls_keys_t *keys, minke_dtls_algorithms_t *algorithms, unsigned suite, bool client)
{
    const EVP_CIPHER *ciphers[] = {algorithms->aes_128_gcm, algorithms->aes_256_gcm, algorithms->chacha20_poly1305};
    *keys = (minke_dtls_keys_t){
        .explicit_len = suite == 2 ? 0 : 8, .ciphers = &algorithms->ciphers, .algorithm = ciphers[suite]};
    memset(keys->write.bytes, client ? 1 : 2, sizeof keys->write.bytes);
    memset(keys->read.bytes, client ? 2 : 1, sizeof keys->read.bytes);
    minke__dtls_keys_start(keys, 1, 1);
}

static void take_out(world_t *world)
{
    uint8_t out[MINKE_DTLS_DATAGRAM_MAX];
    while (minke__dtls_transmit(world->dtls, out, sizeof out) > 0) continue;
}

static void deliver(world_t *world, const uint8_t *bytes, size_t len)
{
    uint8_t *data = malloc(len > 0 ? len : 1); /* of its own size, for the sanitizer */
    minke_dtls_input_t input = {data, len, 0};
    uint8_t *plaintext;
    size_t plaintext_len;
    if (len > 0) memcpy(data, bytes, len);
    while (minke__dtls_next(world->dtls, &input, world->now, &plaintext, &plaintext_len)) {
        CHECK(world->expecting && plaintext_len == world->expected_len);
        CHECK(memcmp(plaintext, world->expected, plaintext_len) == 0);
        CHECK(plaintext >= data && plaintext + plaintext_len <= data + len);
        world->expecting = false;
    }
    CHECK(input.at == len);
    free(data);
    take_out(world);
}

static void deliver_genuine(world_t *world, minke_reader_t *r, bool damaged)
{
    const uint8_t type = minke__read_u8(r);
    const uint8_t len = minke__read_u8(r);
    const uint8_t *bytes = minke__read_bytes(r, len);
    if (bytes == NULL) return;
    uint8_t record[DATAGRAM_MAX];
    if (len > 0) memcpy(record + minke__dtls_keys_head(&world->remote), bytes, len);
    const size_t record_len = minke__dtls_keys_seal(&world->remote, type, record, len);
    if (record_len == 0) return;
    if (damaged) {
        const size_t at = minke__read_u16(r) % record_len;
        record[at] ^= (uint8_t)(1 << minke__read_u8(r) % 8);
        deliver(world, record, record_len);
        return;
    }
    memcpy(world->last, record, record_len);
    world->last_len = record_len;
    world->expecting = type == 23 && len > 0 && world->dtls->state == MINKE_DTLS_ESTABLISHED;
    memcpy(world->expected, bytes, len);
    world->expected_len = len;
    deliver(world, record, record_len);
    CHECK(!world->expecting);
}

static void seal_ours(world_t *world, uint8_t len)
{
    uint8_t record[DATAGRAM_MAX];
    size_t opened_len = 0;
    minke_dtls_record_t read;
    memset(record + minke__dtls_head(world->dtls), len, len);
    const size_t record_len = minke__dtls_seal(world->dtls, record, len);
    CHECK((record_len > 0) == (world->dtls->state == MINKE_DTLS_ESTABLISHED));
    if (record_len == 0) return;
    CHECK(record_len == minke__dtls_head(world->dtls) + len + minke__dtls_tail(world->dtls));
    CHECK(minke__dtls_record_read(record, record_len, &read) && read.len == record_len);
    CHECK(minke__dtls_keys_open(&world->remote, &read, &opened_len) != NULL && opened_len == len);
}

static void walk_clear(world_t *world, const uint8_t *bytes, size_t len)
{
    uint8_t data[DATAGRAM_MAX];
    minke_dtls_record_t record;
    if (bytes == NULL || len > sizeof data) return;
    memcpy(data, bytes, len);
    for (size_t at = 0; minke__dtls_record_read(data + at, len - at, &record); at += record.len) {
        const uint8_t *body = record.body;
        size_t body_len = record.body_len, whole_len;
        minke_dtls_message_t message;
        (void)minke__dtls_judge_clear(&record, true);
        if (minke__dtls_judge_clear(&record, false) != MINKE_DTLS_FEED || record.type != 22) continue;
        while (body_len > 0 && minke__dtls_message_read(&body, &body_len, &message))
            if (message.piece_len < message.total_len)
                (void)minke__dtls_assembly_add(&world->assembly, &world->test.env, &message, &whole_len);
    }
}

static void run_operation(world_t *world, minke_reader_t *r)
{
    switch ((operation_t)(minke__read_u8(r) % OPERATIONS)) {
    case RAW: {
        const uint16_t len = minke__read_u16(r);
        const uint8_t *bytes = minke__read_bytes(r, len);
        if (bytes != NULL) deliver(world, bytes, len);
        break;
    }
    case GENUINE: deliver_genuine(world, r, false); break;
    case DAMAGED: deliver_genuine(world, r, true); break;
    case REPEATED: deliver(world, world->last, world->last_len); break;
    case TIME:
        world->now += (minke_time_t)minke__read_u16(r) * 1000;
        minke__dtls_tick(world->dtls, world->now);
        break;
    case OURS: seal_ours(world, minke__read_u8(r)); break;
    case JUMP: world->remote.next_sequence += minke__read_u16(r); break;
    case CLOSE:
        minke__dtls_close(world->dtls, world->now);
        take_out(world);
        break;
    case CLEAR_RULES: {
        const uint16_t len = minke__read_u16(r);
        walk_clear(world, minke__read_bytes(r, len), len);
        break;
    }
    }
}

static minke_dtls_t *new_established(world_t *world, unsigned suite, bool client)
{
    minke_dtls_t *dtls = minke__alloc_zero(&world->test.env, sizeof *dtls);
    dtls->context = &world->context;
    dtls->env = &world->test.env;
    dtls->client = client;
    dtls->state = MINKE_DTLS_ESTABLISHED;
    dtls->last_flight.kept = !client;
    set_keys(&dtls->keys, &world->context.algorithms, suite, client);
    set_keys(&world->remote, &world->context.algorithms, suite, !client);
    return dtls;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static minke_dtls_algorithms_t algorithms;
    static world_t world;
    if (algorithms.prf == NULL) CHECK(minke__dtls_algorithms_fetch(&algorithms));
    if (size < 1) return 0;
    world = (world_t){.now = 1000000};
    test_env_init(&world.test, 1);
    world.context = (minke_dtls_context_t){.env = &world.test.env, .algorithms = algorithms};
    world.dtls = new_established(&world, data[0] / 2 % 3, data[0] % 2 != 0);
    minke_reader_t r = minke__reader(data + 1, size - 1);
    while (minke__reader_left(&r) > 0) run_operation(&world, &r);
    minke__dtls_free(world.dtls);
    minke__dtls_keys_free(&world.remote);
    minke__dtls_assembly_free(&world.assembly, &world.test.env);
    CHECK(world.test.blocks == 0);
    return 0;
}
