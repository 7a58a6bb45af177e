/*
 * One association, and an input that is a list of things that happen to it: packets (tag and checksum are filled in),
 * time, messages, resets. It must neither crash nor loop nor leak, whatever the remote says.
 *
 *     first byte: bit 0 established at once, bit 1 small windows, bit 2 the path is probed (bit 3: it cuts,
 *                 bit 4: probes are answered, else refused)
 *     then: an operation byte (low three bits), and what it needs
 */
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "sctp/association.h"
#include "sctp/crc32c.h"
#include "support/test_env.h"

enum { MS = 1000, PEER_TAG = 0x11223344 };

typedef struct fuzz {
    test_env_t test;
    minke_sctp_t *sctp;
    minke_time_t now;
    uint32_t tag;
    minke_message_t *waiting;
    size_t unconsumed;
    bool answers; /* the remote, to probes */
} fuzz_t;

/* Our tag and first TSN are 1: seeds can be written by hand. */
static void fill(void *user, uint8_t *out, size_t len)
{
    const uint32_t one = 1;
    (void)user;
    for (size_t i = 0; i < len; i++) out[i] = ((const uint8_t *)&one)[i % 4];
}

static minke_message_t *next_message(void *user)
{
    fuzz_t *fuzz = user;
    minke_message_t *message = fuzz->waiting;
    if (message != NULL) fuzz->waiting = message->next;
    return message;
}

static void message_done(void *user, minke_message_t *message)
{
    fuzz_t *fuzz = user;
    minke__free(&fuzz->test.env, message);
}

static void data(void *user, const minke_sctp_fragment_t *fragment)
{
    fuzz_t *fuzz = user;
    volatile uint8_t sum = 0;
    if (fragment->len == 0) abort();
    for (size_t i = 0; i < fragment->len; i++) sum = (uint8_t)(sum + fragment->data[i]);
    fuzz->unconsumed += fragment->len;
}

static void stream_reset(void *user, uint16_t stream_id)
{
    fuzz_t *fuzz = user;
    if (minke__sctp_reset_stream(fuzz->sctp, stream_id, fuzz->now) < 0) return;
}

static void reset_done(void *user, uint16_t stream_id, minke_sctp_reset_result_t result)
{
    fuzz_t *fuzz = user;
    (void)stream_id, (void)result;
    minke__sctp_wake(fuzz->sctp);
}

static void deliver(fuzz_t *fuzz, const uint8_t *chunks, size_t len);

/* A probe of the path arrives, or not. */
static void send_probe(fuzz_t *fuzz)
{
    uint8_t packet[2048];
    const size_t len = minke__sctp_transmit_probe(fuzz->sctp, packet, sizeof packet, fuzz->now);
    if (len == 0) return;
    if (len < 28) abort();
    uint8_t answer[16] = {5, 0, 0, 16, 0, 1, 0, 12};
    memcpy(answer + 8, packet + 20, 8);
    if (fuzz->answers) deliver(fuzz, answer, sizeof answer);
    else minke__sctp_refused(fuzz->sctp, len, fuzz->now);
}

static void send_all(fuzz_t *fuzz)
{
    uint8_t packet[2048];
    for (unsigned n = 0; minke__sctp_transmit(fuzz->sctp, packet, sizeof packet, fuzz->now) > 0; n++) {
        if (packet[12] == 1 && fuzz->tag == 0) {
            fuzz->tag =
                (uint32_t)packet[16] << 24 | (uint32_t)packet[17] << 16 | (uint32_t)packet[18] << 8 | packet[19];
        }
        if (n > 100000) abort();
    }
    send_probe(fuzz);
}

static void deliver(fuzz_t *fuzz, const uint8_t *chunks, size_t len)
{
    uint8_t *packet = malloc(12 + len);
    if (packet == NULL) abort();
    minke_writer_t w = minke__writer(packet, 12 + len);
    minke__write_u16(&w, MINKE_SCTP_PORT);
    minke__write_u16(&w, MINKE_SCTP_PORT);
    minke__write_u32(&w, fuzz->tag);
    minke__write_u32(&w, 0);
    minke__write_bytes(&w, chunks, len);
    const uint32_t sum = minke__crc32c_packet(packet, 12 + len);
    for (unsigned i = 0; i < 4; i++) packet[8 + i] = (uint8_t)(sum >> (8 * i));
    minke__sctp_recv(fuzz->sctp, packet, 12 + len, fuzz->now);
    free(packet);
}

static void establish(fuzz_t *fuzz)
{
    uint8_t init_ack[64], cookie_ack[4] = {11, 0, 0, 4};
    const size_t len =
        test_unhex("02000028 11223344 00100000 ffffffff 00000020 c0000004 80080006 82c00000 00070008 41424344",
                   init_ack, sizeof init_ack);
    deliver(fuzz, init_ack, len);
    send_all(fuzz);
    deliver(fuzz, cookie_ack, sizeof cookie_ack);
    if (minke__sctp_state(fuzz->sctp) != MINKE_SCTP_ESTABLISHED) abort();
}

static void push_message(fuzz_t *fuzz, uint8_t stream, uint32_t len)
{
    minke_message_t *message = minke__message_new(&fuzz->test.env, 0, len + 1);
    if (message == NULL) abort();
    memset(message->bytes, stream, len + 1);
    message->end = len + 1;
    message->stream_id = stream;
    message->next = fuzz->waiting;
    fuzz->waiting = message;
    minke__sctp_wake(fuzz->sctp);
}

static void operate(fuzz_t *fuzz, minke_reader_t *r)
{
    const uint8_t operation = minke__read_u8(r);
    switch (operation & 7) {
    case 0:
    case 1:
    case 2: {
        size_t len = minke__read_u8(r);
        if ((operation & 7) == 2) len *= 8;
        if (len > minke__reader_left(r)) len = minke__reader_left(r);
        deliver(fuzz, minke__read_bytes(r, len), len);
        if ((operation & 8) != 0) break;
        minke__sctp_recv_end(fuzz->sctp, fuzz->now);
        if ((operation & 16) == 0) send_all(fuzz);
        break;
    }
    case 3:
        if ((operation & 8) != 0) minke__sctp_refused(fuzz->sctp, 1000 + 64 * (operation >> 4), fuzz->now);
        if ((operation & 16) != 0) minke__sctp_path(fuzz->sctp, 1500, 65, (operation & 32) != 0, fuzz->now);
        send_all(fuzz);
        break;
    case 4:
        fuzz->now += (minke_time_t)minke__read_u8(r) * ((operation & 8) != 0 ? 200 * MS : MS);
        minke__sctp_tick(fuzz->sctp, fuzz->now);
        break;
    case 5:
        push_message(fuzz, operation >> 4, (uint32_t)minke__read_u16(r) % 20000);
        send_all(fuzz);
        break;
    case 6:
        if (minke__sctp_reset_stream(fuzz->sctp, operation >> 4, fuzz->now) == MINKE_OK) send_all(fuzz);
        break;
    case 7:
        minke__sctp_consumed(fuzz->sctp, fuzz->unconsumed, fuzz->now);
        fuzz->unconsumed = 0;
        if (operation == 0xff) minke__sctp_abort(fuzz->sctp, "enough", fuzz->now);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
    fuzz_t fuzz = {.now = 1000 * MS};
    test_env_init(&fuzz.test, 1);
    fuzz.test.env.random.fill = fill;
    minke_reader_t r = minke__reader(input, len);
    const uint8_t mode = minke__read_u8(&r);
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    if ((mode & 2) != 0) options.receive_window = options.held_max = 16384;
    const minke_sctp_user_t user = {&fuzz, next_message, message_done, data, stream_reset, reset_done};
    fuzz.sctp = minke__sctp_new(&fuzz.test.env, &options, &user, 1);
    if (fuzz.sctp == NULL) abort();
    minke__sctp_connect(fuzz.sctp, fuzz.now);
    send_all(&fuzz);
    if ((mode & 1) != 0) establish(&fuzz);
    if ((mode & 4) != 0) { /* larger packets pay already */
        minke__sctp_path(fuzz.sctp, 1500, 65, (mode & 8) != 0, fuzz.now);
        fuzz.sctp->out.bytes_acked = 1 << 20;
        fuzz.answers = (mode & 16) != 0;
    }
    while (minke__reader_left(&r) > 0) operate(&fuzz, &r);
    for (unsigned i = 0; i < 200 && minke__sctp_deadline(fuzz.sctp) != MINKE_TIME_NEVER; i++) {
        if (minke__sctp_deadline(fuzz.sctp) > fuzz.now) fuzz.now = minke__sctp_deadline(fuzz.sctp);
        minke__sctp_tick(fuzz.sctp, fuzz.now);
        send_all(&fuzz);
    }
    minke__sctp_free(fuzz.sctp);
    while (fuzz.waiting != NULL) message_done(&fuzz, next_message(&fuzz));
    if (fuzz.test.blocks != 0) abort();
    return 0;
}
