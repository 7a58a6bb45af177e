/*
 * Forged datagrams in a running handshake (spec/dtls-openssl.md 8): each of them, at every step, in either direction,
 * leaves it to complete without delay.
 */
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "unit/dtls/lab.h"

enum { SECOND = 1000000 };

/* ---- the forgeries */

static void put_header(minke_writer_t *w, uint8_t type, uint16_t epoch, uint64_t sequence, size_t body_len)
{
    minke__write_u8(w, type);
    minke__write_u16(w, 0xfefd);
    minke__write_u16(w, epoch);
    minke__write_u48(w, sequence);
    minke__write_u16(w, (uint16_t)body_len);
}

static void put_message(minke_writer_t *w, uint64_t record, uint8_t type, uint32_t total, uint16_t sequence,
                        uint32_t at, uint32_t len)
{
    put_header(w, 22, 0, record, 12 + len);
    minke__write_u8(w, type);
    minke__write_u24(w, total);
    minke__write_u16(w, sequence);
    minke__write_u24(w, at);
    minke__write_u24(w, len);
    minke__write_zeros(w, len);
}

static void put_alert(minke_writer_t *w, uint64_t sequence, uint8_t level, uint8_t description)
{
    put_header(w, 21, 0, sequence, 2);
    minke__write_u8(w, level);
    minke__write_u8(w, description);
}

static void put_zeros_as(minke_writer_t *w, uint8_t type, uint16_t epoch, uint64_t sequence, size_t len)
{
    put_header(w, type, epoch, sequence, len);
    minke__write_zeros(w, len);
}

static const uint64_t last_number = (UINT64_C(1) << 48) - 1;

/* Message numbers are those of the step where they hurt most: Certificate is number 1 in both directions. */
enum {
    NOISE,
    CUT_SHORT,
    OTHER_VERSION,
    CLEAR_DATA,
    FATAL_ALERT,
    FATAL_BAD_CERTIFICATE,
    WARNING_ALERT,
    CLOSE_NOTIFY,
    BROKEN_ALERT,
    EPOCH_1_DATA,
    EPOCH_1_HANDSHAKE,
    EPOCH_1_ALERT,
    EPOCH_1_SHORT,
    EPOCH_1_LONG,
    EPOCH_1_CHANGE_CIPHER_SPEC,
    LATER_EPOCH,
    PIECE_OF_LONGER_CERTIFICATE,
    PIECE_OF_SHORTER_HELLO,
    PIECE_OF_16_MB,
    PIECE_BEYOND_ITS_MESSAGE,
    EMPTY_PIECE,
    FUTURE_MESSAGE,
    FAR_FUTURE_MESSAGE,
    EARLY_CHANGE_CIPHER_SPEC,
    LONG_CHANGE_CIPHER_SPEC,
    WRONG_CHANGE_CIPHER_SPEC,
    UNKNOWN_RECORD,
    HEARTBEAT,
    SHORT_MESSAGE_HEADER,
    EMPTY_RECORD,
    UNKNOWN_MESSAGE,
    HELLO_REQUEST,
    CLEAR_FINISHED,
    MESSAGE_OF_THE_OTHER_SIDE,
    FIRST_MESSAGE_SKIPPED,
    SECOND_MESSAGE_SKIPPED,
    SECOND_HELLO,
    LAST_NUMBER_MESSAGE,
    LAST_NUMBER_ALERT,
    LAST_NUMBER_CHANGE_CIPHER_SPEC,
    TWO_MESSAGES_THE_SECOND_BAD,
    FORGERIES
};

static size_t forge(int kind, int victim, uint64_t sequence, uint8_t *out, size_t capacity)
{
    minke_writer_t w = minke__writer(out, capacity);
    switch (kind) {
    case NOISE: memset(minke__write_space(&w, 40), 22, 40); break;
    case CUT_SHORT:
        put_header(&w, 22, 0, sequence, 500);
        minke__write_zeros(&w, 47);
        break;
    case OTHER_VERSION:
        put_message(&w, sequence, 14, 0, 9, 0, 0);
        out[2] = 0xfc;
        break;
    case CLEAR_DATA: put_zeros_as(&w, 23, 0, sequence, 20); break;
    case FATAL_ALERT: put_alert(&w, sequence, 2, 40); break;
    case FATAL_BAD_CERTIFICATE: put_alert(&w, sequence, 2, 42); break;
    case WARNING_ALERT: put_alert(&w, sequence, 1, 90); break;
    case CLOSE_NOTIFY: put_alert(&w, sequence, 1, 0); break;
    case BROKEN_ALERT: put_zeros_as(&w, 21, 0, sequence, 1); break;
    case EPOCH_1_DATA: put_zeros_as(&w, 23, 1, sequence, 40); break;
    case EPOCH_1_HANDSHAKE: put_zeros_as(&w, 22, 1, sequence, 48); break;
    case EPOCH_1_ALERT: put_zeros_as(&w, 21, 1, sequence, 26); break;
    case EPOCH_1_SHORT: put_zeros_as(&w, 22, 1, sequence, sequence % 40); break;
    case EPOCH_1_LONG: put_zeros_as(&w, 22, 1, sequence, 1000); break;
    case EPOCH_1_CHANGE_CIPHER_SPEC: put_zeros_as(&w, 20, 1, sequence, 25); break;
    case LATER_EPOCH: put_zeros_as(&w, 22, 2, sequence, 48); break;
    case PIECE_OF_LONGER_CERTIFICATE: put_message(&w, sequence, 11, 4096, 1, 0, 8); break;
    case PIECE_OF_SHORTER_HELLO: put_message(&w, sequence, victim == LAB_CLIENT ? 2 : 1, 40, 0, 30, 8); break;
    case PIECE_OF_16_MB: put_message(&w, sequence, 11, 0xffffff, 1, 0, 8); break;
    case PIECE_BEYOND_ITS_MESSAGE: put_message(&w, sequence, 11, 100, 1, 95, 8); break;
    case EMPTY_PIECE: put_message(&w, sequence, 11, 100, 1, 0, 0); break;
    case FUTURE_MESSAGE: put_message(&w, sequence, victim == LAB_CLIENT ? 14 : 15, 0, 9, 0, 0); break;
    case FAR_FUTURE_MESSAGE: put_message(&w, sequence, 11, 20, 60000, 0, 20); break;
    case EARLY_CHANGE_CIPHER_SPEC:
        put_header(&w, 20, 0, sequence, 1);
        minke__write_u8(&w, 1);
        break;
    case LONG_CHANGE_CIPHER_SPEC:
        put_header(&w, 20, 0, sequence, 2);
        minke__write_u16(&w, 0x0101);
        break;
    case WRONG_CHANGE_CIPHER_SPEC: put_zeros_as(&w, 20, 0, sequence, 1); break;
    case UNKNOWN_RECORD: put_zeros_as(&w, 99, 0, sequence, 4); break;
    case HEARTBEAT: put_zeros_as(&w, 24, 0, sequence, 19); break;
    case SHORT_MESSAGE_HEADER: put_zeros_as(&w, 22, 0, sequence, 5); break;
    case EMPTY_RECORD: put_zeros_as(&w, 22, 0, sequence, 0); break;
    case UNKNOWN_MESSAGE: put_message(&w, sequence, 99, 4, 1, 0, 4); break;
    case HELLO_REQUEST: put_message(&w, sequence, 0, 0, 0, 0, 0); break;
    case CLEAR_FINISHED: put_message(&w, sequence, 20, 12, victim == LAB_CLIENT ? 5 : 4, 0, 12); break;
    case MESSAGE_OF_THE_OTHER_SIDE: put_message(&w, sequence, victim == LAB_CLIENT ? 16 : 14, 0, 1, 0, 0); break;
    case FIRST_MESSAGE_SKIPPED: put_message(&w, sequence, 11, 20, 0, 0, 20); break;
    case SECOND_MESSAGE_SKIPPED: put_message(&w, sequence, victim == LAB_CLIENT ? 12 : 16, 33, 1, 0, 33); break;
    case SECOND_HELLO: put_message(&w, sequence, victim == LAB_CLIENT ? 2 : 1, 60, 3, 0, 60); break;
    case LAST_NUMBER_MESSAGE: put_message(&w, last_number, 11, 20, 60000, 0, 20); break;
    case LAST_NUMBER_ALERT: put_alert(&w, last_number, 1, 90); break;
    case LAST_NUMBER_CHANGE_CIPHER_SPEC:
        put_header(&w, 20, 0, last_number, 1);
        minke__write_u8(&w, 1);
        break;
    case TWO_MESSAGES_THE_SECOND_BAD:
        put_message(&w, sequence, 11, 20, 60000, 0, 20);
        minke__write_zeros(&w, 7);
        out[12] = (uint8_t)(out[12] + 7);
        break;
    default: fail();
    }
    assert_false(w.failed);
    return w.len;
}

static void attack(lab_t *lab, int victim, int kind)
{
    uint8_t data[LAB_DATAGRAM_MAX];
    /* One by one is bad enough for most; warnings and noise of epoch 1 take OpenSSL down, or its memory up, by number.
     */
    const bool by_number = kind == WARNING_ALERT || (kind >= EPOCH_1_DATA && kind <= EPOCH_1_LONG);
    const int times = by_number ? 40 : 1;
    for (int i = 0; i < times; i++)
        lab_inject(lab, victim, data, forge(kind, victim, 20 + (uint64_t)i, data, sizeof data));
}

/* ---- the handshakes */

typedef struct peers {
    SSL_CTX *openssl; /* the other end; NULL: ours too */
    int victim;
} peers_t;

static void begin(lab_t *lab, const peers_t *peers)
{
    lab_init(lab);
    lab_use_ours(lab, peers->victim, NULL);
    if (peers->openssl != NULL) lab_use_openssl(lab, !peers->victim, peers->openssl);
    else lab_use_ours(lab, !peers->victim, NULL);
}

enum { EVERY_STEP = -1 };

/* A handshake with the attack at `step`: 0 is before the client has spoken. The number of steps it took. */
static int run(const peers_t *peers, int step, int kind)
{
    const bool every_step = step == EVERY_STEP;
    lab_t lab;
    int steps = 0;
    begin(&lab, peers);
    const minke_time_t start = lab.now;
    if (step == 0 || every_step) attack(&lab, peers->victim, kind);
    lab_start(&lab);
    while (lab_state(&lab, 0) == 0 || lab_state(&lab, 1) == 0) {
        steps++;
        if (step == steps || every_step) attack(&lab, peers->victim, kind);
        if (!lab_step(&lab, lab.now + SECOND)) break;
    }
    if (lab_state(&lab, 0) != 1 || lab_state(&lab, 1) != 1 || lab.now != start + 4 * lab.latency) {
        print_message("forgery %d at step %d, victim %d, peer %s: states %d and %d after %d ms%s%s\n", kind, step,
                      peers->victim, peers->openssl != NULL ? "OpenSSL" : "ours", lab_state(&lab, 0),
                      lab_state(&lab, 1), (int)((lab.now - start) / 1000),
                      lab_state(&lab, peers->victim) < 0 ? ": " : "",
                      lab_state(&lab, peers->victim) < 0 ? lab_reason(&lab, peers->victim)->text : "");
        fail();
    }
    attack(&lab, peers->victim, kind); /* and once it is over */
    lab_run(&lab, lab.now + SECOND);
    lab_check_traffic(&lab);
    lab_free(&lab);
    return steps;
}

static void attack_at_every_step(const peers_t *peers)
{
    for (int kind = 0; kind < FORGERIES; kind++) {
        int steps = 4;
        for (int step = 0; step <= steps; step++) steps = run(peers, step, kind);
        assert_int_equal(steps, 4);
    }
}

/* Between two ends of ours, at all steps in turn. */
static void both_roles_survive(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++)
        for (int kind = 0; kind < FORGERIES; kind++) run(&(peers_t){NULL, victim}, EVERY_STEP, kind);
}

static void client_of_openssl_survives(void **state)
{
    (void)state;
    SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
    attack_at_every_step(&(peers_t){context, LAB_CLIENT});
    SSL_CTX_free(context);
}

static void server_of_openssl_survives(void **state)
{
    (void)state;
    SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
    attack_at_every_step(&(peers_t){context, LAB_SERVER});
    SSL_CTX_free(context);
}

/* Finished comes in a datagram of its own, so that there is a step between ChangeCipherSpec and it. */
static bool cut_finished_off(lab_t *lab, int to, uint8_t *data, size_t len)
{
    minke_dtls_record_t record;
    for (size_t at = 0; minke__dtls_record_read(data + at, len - at, &record); at += record.len) {
        if (record.epoch == 0 || at == 0) continue;
        lab_post(lab, to, data, at, lab->latency);
        lab_post(lab, to, data + at, len - at, lab->latency);
        return false;
    }
    return true;
}

/* All kinds together, at every step, on both sides at once. */
static void both_survive_everything(void **state)
{
    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        lab_t lab;
        begin(&lab, &(peers_t){NULL, LAB_CLIENT});
        if (cut) lab.tap = cut_finished_off;
        const minke_time_t start = lab.now;
        lab_start(&lab);
        int steps = 0;
        do {
            for (int victim = 0; victim < 2; victim++)
                for (int kind = 0; kind < FORGERIES; kind++) attack(&lab, victim, kind);
            steps++;
        } while ((lab_state(&lab, 0) == 0 || lab_state(&lab, 1) == 0) && lab_step(&lab, lab.now + SECOND));
        assert_int_equal(lab_state(&lab, 0), 1);
        assert_int_equal(lab_state(&lab, 1), 1);
        assert_int_equal(lab.now, start + 4 * lab.latency);
        assert_int_equal(steps, cut ? 7 : 5);
        lab.tap = NULL;
        lab_check_traffic(&lab);
        lab_free(&lab);
    }
}

/* Each kind alone between ChangeCipherSpec and Finished. */
static void survives_between_change_cipher_spec_and_finished(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++)
        for (int kind = 0; kind < FORGERIES; kind++) {
            lab_t lab;
            begin(&lab, &(peers_t){NULL, victim});
            lab.tap = cut_finished_off;
            lab_start(&lab);
            while (!lab.ends[victim].dtls->handshake->cipher_changed) assert_true(lab_step(&lab, lab.now + SECOND));
            attack(&lab, victim, kind);
            assert_true(lab_connect(&lab, lab.now + 3 * lab.latency));
            lab_free(&lab);
        }
}

/* ---- what a held alert waits for */

static bool lose_one(lab_t *lab, int to, uint8_t *data, size_t len)
{
    int *countdown = lab->user;
    (void)to;
    (void)data;
    (void)len;
    return --*countdown != 0;
}

/* A forged alert together with a loss that only a retransmission repairs. */
static void held_alert_outlasts_a_loss(void **state)
{
    (void)state;
    for (int victim = 0; victim < 2; victim++)
        for (int lost = 1; lost <= 4; lost++) {
            lab_t lab;
            int countdown = lost;
            begin(&lab, &(peers_t){NULL, victim});
            lab.latency = 60000;
            lab.tap = lose_one;
            lab.user = &countdown;
            lab_start(&lab);
            do attack(&lab, victim, FATAL_ALERT);
            while ((lab_state(&lab, 0) == 0 || lab_state(&lab, 1) == 0) && lab_step(&lab, lab.now + SECOND));
            assert_int_equal(lab_state(&lab, 0), 1);
            assert_int_equal(lab_state(&lab, 1), 1);
            lab_free(&lab);
        }
}

static bool lose_all(lab_t *lab, int to, uint8_t *data, size_t len)
{
    (void)lab;
    (void)to;
    (void)data;
    (void)len;
    return false;
}

static void held_alert_is_the_reason_when_nothing_follows(void **state)
{
    (void)state;
    lab_t lab;
    for (int victim = 0; victim < 2; victim++) {
        begin(&lab, &(peers_t){NULL, victim});
        lab.tap = lose_all;
        lab_start(&lab);
        const minke_time_t start = lab.now;
        attack(&lab, victim, FATAL_BAD_CERTIFICATE);
        attack(&lab, victim, FATAL_ALERT); /* the first counts, and its wait is not drawn out */
        while (lab_state(&lab, victim) == 0) assert_true(lab_step(&lab, start + SECOND));
        assert_int_equal(lab.now, start + 400000);
        assert_int_equal(lab_reason(&lab, victim)->code, 42);
        assert_true(lab_reason(&lab, victim)->by_remote);
        lab_free(&lab);

        begin(&lab, &(peers_t){NULL, victim});
        lab.tap = lose_all;
        lab_start(&lab);
        attack(&lab, victim, CLOSE_NOTIFY);
        while (lab_state(&lab, victim) == 0) assert_true(lab_step(&lab, start + SECOND));
        assert_int_equal(lab_reason(&lab, victim)->code, 0);
        assert_true(lab_reason(&lab, victim)->by_remote);
        lab_free(&lab);
    }
}

/* What noise a handshake holds memory for is bounded. */
static void noise_costs_little_memory(void **state)
{
    (void)state;
    lab_t lab;
    uint8_t data[LAB_DATAGRAM_MAX];
    begin(&lab, &(peers_t){NULL, LAB_SERVER});
    lab_start(&lab);
    lab_step(&lab, lab.now + SECOND);
    const uint64_t blocks = lab_test.blocks;
    for (unsigned i = 0; i < 2000; i++) {
        minke_writer_t w = minke__writer(data, sizeof data);
        put_message(&w, i, 11, 16000 + i % 200, (uint16_t)(i % 9), i % 1000, 8);
        lab_inject(&lab, LAB_SERVER, data, w.len);
        for (int kind = EPOCH_1_DATA; kind <= EPOCH_1_ALERT; kind++)
            lab_inject(&lab, LAB_SERVER, data, forge(kind, LAB_SERVER, i, data, sizeof data));
    }
    assert_true(lab_test.blocks <= blocks + MINKE_DTLS_PARTIALS_MAX + MINKE_DTLS_EARLY_MAX);
    assert_true(lab_connect(&lab, lab.now + SECOND));
    lab_free(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_roles_survive),
        cmocka_unit_test(client_of_openssl_survives),
        cmocka_unit_test(server_of_openssl_survives),
        cmocka_unit_test(both_survive_everything),
        cmocka_unit_test(survives_between_change_cipher_spec_and_finished),
        cmocka_unit_test(held_alert_outlasts_a_loss),
        cmocka_unit_test(held_alert_is_the_reason_when_nothing_follows),
        cmocka_unit_test(noise_costs_little_memory),
    };
    return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
