/*
 * A handshake between two ends of ours, with somebody in the middle: the input says which datagrams arrive, which are
 * damaged, lost or doubled, what is forged and how time passes. Randomness and clock are fixed, so an input repeats.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_set_rand_method, the only way to seed OpenSSL 3.0 */

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/wire.h"
#include "dtls/private.h"
#include "support/test_env.h"

typedef enum operation {
    DELIVER,  /* the next datagram to that side */
    LOSE,     /* it is lost instead */
    DOUBLE,   /* it arrives twice */
    DAMAGE,   /* u16 position, mask: it arrives damaged */
    POSTPONE, /* it goes to the end of the queue */
    RAW,      /* u8 length, bytes: a forged datagram */
    RECORD,   /* type, epoch, u8 length, bytes: a forged record with a good header */
    MESSAGE,  /* type, u16 total, u8 number, u16 offset, u8 length, bytes: a forged message */
    TIMER,    /* time passes up to the next deadline of that side */
    TIME,     /* u16 milliseconds */
    CLOSE,
    OPERATIONS
} operation_t;

enum { QUEUE = 32, DATAGRAM_MAX = 1500, WALL_START = 1800000000 };

#define CHECK(condition)                                                                                               \
    do                                                                                                                 \
        if (!(condition)) abort();                                                                                     \
    while (0)

typedef struct datagram {
    size_t len;
    uint8_t data[DATAGRAM_MAX];
} datagram_t;

typedef struct end {
    minke_dtls_t *dtls;
    datagram_t queue[QUEUE]; /* on their way to it */
    size_t queue_n;
} end_t;

static test_env_t test;
static minke_certificate_t *certificate;
static minke_dtls_context_t *context;
static end_t ends[2];
static minke_time_t now;
static uint64_t random_state;

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    (void)zone;
    tv->tv_sec = WALL_START + (time_t)(now / 1000000);
    tv->tv_usec = (suseconds_t)(now % 1000000);
    return 0;
}

static int random_bytes(unsigned char *out, int len)
{
    for (int i = 0; i < len; i++) out[i] = (uint8_t)(test_random(&random_state) >> 32);
    return 1;
}

static int random_status(void) { return 1; }

static const RAND_METHOD seeded = {.bytes = random_bytes, .pseudorand = random_bytes, .status = random_status};

static void enqueue(end_t *end, const uint8_t *data, size_t len)
{
    if (end->queue_n == QUEUE) return;
    datagram_t *datagram = &end->queue[end->queue_n++];
    datagram->len = len;
    memcpy(datagram->data, data, len);
}

static bool dequeue(end_t *end, datagram_t *out)
{
    if (end->queue_n == 0) return false;
    *out = end->queue[0];
    memmove(end->queue, end->queue + 1, --end->queue_n * sizeof *end->queue);
    return true;
}

static void flush(int side)
{
    uint8_t out[MINKE_DTLS_DATAGRAM_MAX];
    size_t len;
    while ((len = minke__dtls_transmit(ends[side].dtls, out, sizeof out)) > 0) enqueue(&ends[!side], out, len);
}

static void check_state(const minke_dtls_t *dtls)
{
    if (dtls->state == MINKE_DTLS_ENDED) {
        CHECK(dtls->close.layer == MINKE_LAYER_DTLS && dtls->close.text[0] != 0);
        CHECK(minke__dtls_deadline(dtls) == MINKE_TIME_NEVER);
    }
    CHECK((dtls->state == MINKE_DTLS_HANDSHAKE) == (dtls->handshake != NULL));
    CHECK(dtls->early.count <= MINKE_DTLS_EARLY_MAX && dtls->early.bytes <= MINKE_DTLS_EARLY_BYTES_MAX);
    /* Nobody in the middle gets a certificate of his own accepted. */
    if (dtls->state == MINKE_DTLS_ESTABLISHED)
        CHECK(memcmp(dtls->remote_fingerprint, minke__certificate_fingerprint(certificate), 32) == 0);
}

static void deliver(int side, const uint8_t *bytes, size_t len)
{
    uint8_t *data = malloc(len > 0 ? len : 1); /* of its own size, for the sanitizer */
    minke_dtls_input_t input = {data, len, 0};
    uint8_t *plaintext;
    size_t plaintext_len;
    if (len > 0) memcpy(data, bytes, len);
    while (minke__dtls_next(ends[side].dtls, &input, now, &plaintext, &plaintext_len)) abort(); /* none was sealed */
    CHECK(input.at == len);
    free(data);
    check_state(ends[side].dtls);
    flush(side);
}

static void forge_record(int side, minke_reader_t *r)
{
    uint8_t data[13 + 255];
    const uint8_t type = minke__read_u8(r), epoch = minke__read_u8(r), len = minke__read_u8(r);
    const uint8_t *bytes = minke__read_bytes(r, len);
    if (bytes == NULL) return;
    minke__dtls_record_write_header(data, type, epoch % 3, 1000, len);
    if (len > 0) memcpy(data + 13, bytes, len);
    deliver(side, data, 13u + len);
}

static void forge_message(int side, minke_reader_t *r)
{
    uint8_t data[25 + 255];
    minke_writer_t w = minke__writer(data + 13, sizeof data - 13);
    minke__write_u8(&w, minke__read_u8(r));
    minke__write_u24(&w, minke__read_u16(r));
    minke__write_u16(&w, minke__read_u8(r));
    minke__write_u24(&w, minke__read_u16(r));
    const uint8_t len = minke__read_u8(r);
    const uint8_t *bytes = minke__read_bytes(r, len);
    if (bytes == NULL) return;
    minke__write_u24(&w, len);
    minke__write_bytes(&w, bytes, len);
    minke__dtls_record_write_header(data, 22, 0, 1000, w.len);
    deliver(side, data, 13 + w.len);
}

static void tick(int side)
{
    minke__dtls_tick(ends[side].dtls, now);
    check_state(ends[side].dtls);
    flush(side);
}

static void run_operation(minke_reader_t *r)
{
    const uint8_t code = minke__read_u8(r);
    const int side = code >> 7;
    end_t *end = &ends[side];
    datagram_t datagram;
    switch ((operation_t)((code & 127) % OPERATIONS)) {
    case DELIVER:
        if (dequeue(end, &datagram)) deliver(side, datagram.data, datagram.len);
        break;
    case LOSE: (void)dequeue(end, &datagram); break;
    case DOUBLE:
        if (!dequeue(end, &datagram)) break;
        deliver(side, datagram.data, datagram.len);
        deliver(side, datagram.data, datagram.len);
        break;
    case DAMAGE: {
        const size_t at = minke__read_u16(r);
        const uint8_t mask = minke__read_u8(r);
        if (!dequeue(end, &datagram)) break;
        datagram.data[at % datagram.len] ^= mask;
        deliver(side, datagram.data, datagram.len);
        break;
    }
    case POSTPONE:
        if (dequeue(end, &datagram)) enqueue(end, datagram.data, datagram.len);
        break;
    case RAW: {
        const uint8_t len = minke__read_u8(r);
        const uint8_t *bytes = minke__read_bytes(r, len);
        if (bytes != NULL) deliver(side, bytes, len);
        break;
    }
    case RECORD: forge_record(side, r); break;
    case MESSAGE: forge_message(side, r); break;
    case TIMER: {
        const minke_time_t at = minke__dtls_deadline(end->dtls);
        if (at == MINKE_TIME_NEVER) break;
        if (at > now) now = at;
        tick(side);
        break;
    }
    case TIME:
        now += (minke_time_t)minke__read_u16(r) * 1000;
        tick(side);
        break;
    case CLOSE:
        minke__dtls_close(end->dtls, now);
        flush(side);
        break;
    default: break;
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    random_state = 1;
    RAND_set_rand_method(&seeded);
    test_env_init(&test, 1);
    CHECK(minke__certificate_new(&test.env, &certificate) == MINKE_OK);
    CHECK(minke__dtls_context_new(&test.env, certificate, &context) == MINKE_OK);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    minke_dtls_options_t options = {.check_fingerprint = true, .fingerprints_n = 1};
    const uint64_t blocks = test.blocks;
    now = 1000000;
    random_state = 7;
    memcpy(options.fingerprints[0], minke__certificate_fingerprint(certificate), 32);
    for (int side = 0; side < 2; side++) {
        options.client = side == 0;
        ends[side].queue_n = 0;
        ends[side].dtls = minke__dtls_new(context, &options, 1, now);
        CHECK(ends[side].dtls != NULL);
    }
    minke__dtls_connect(ends[0].dtls, now);
    flush(0);
    minke_reader_t r = minke__reader(data, size);
    while (minke__reader_left(&r) > 0) run_operation(&r);
    for (int side = 0; side < 2; side++) minke__dtls_free(ends[side].dtls);
    CHECK(test.blocks == blocks);
    return 0;
}
