/*
 * ClientHellos that take more than one datagram: every browser's, since they offer a hybrid key share
 * (spec/peers-measured.md). Pieces in any order, doubled, cut otherwise when sent again, and with forged ones among
 * them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"
#include "unit/dtls/lab.h"

enum { SECOND = 1000000, HELLO_MAX = 1600 };

/* ---- a hello as Chromium's: DTLS 1.3 and X25519MLKEM768 first, GREASE, SRTP 1, 7 and 8 */

static const uint8_t extensions[] = {
    0x00, 0x17, 0,    0,    0xff, 0x01, 0, 1,    0,    0x00, 0x0b, 0,  2,    1,    0,    0x00, 0x0a, 0,    10, 0, 8,
    0x11, 0xec, 0,    0x1d, 0,    0x17, 0, 0x18, 0x00, 0x0d, 0,    18, 0,    16,   4,    3,    8,    4,    4,  1, 5,
    3,    8,    5,    5,    1,    8,    6, 6,    1,    0x00, 0x0e, 0,  9,    0,    6,    0,    1,    0,    7,  0, 8,
    0,    0x00, 0x2d, 0,    2,    1,    1, 0x00, 0x2b, 0,    5,    4,  0xfe, 0xfc, 0xfe, 0xfd, 0x0a, 0x0a, 0,  0};
static const uint8_t suites[] = {0x13, 1,    0x13, 2,    0x13, 3,    0xc0, 0x2b, 0xc0, 0x2f, 0xcc,
                                 0xa9, 0xcc, 0xa8, 0xc0, 9,    0xc0, 0x13, 0xc0, 0x0a, 0xc0, 0x14};

static void write_key_shares(minke_writer_t *w)
{
    minke__write_u16(w, 0x0033);
    minke__write_u16(w, 2 + 4 + 1216 + 4 + 32);
    minke__write_u16(w, 4 + 1216 + 4 + 32);
    minke__write_u16(w, 0x11ec);
    minke__write_u16(w, 1216);
    memset(minke__write_space(w, 1216), 9, 1216);
    minke__write_u16(w, 0x001d);
    minke__write_u16(w, 32);
    memset(minke__write_space(w, 32), 9, 32);
}

static size_t make_hello(uint8_t *out)
{
    minke_writer_t w = minke__writer(out, HELLO_MAX);
    minke__write_u16(&w, 0xfefd);
    memset(minke__write_space(&w, 32), 7, 32);
    minke__write_u16(&w, 0); /* neither session nor cookie */
    minke__write_u16(&w, sizeof suites);
    minke__write_bytes(&w, suites, sizeof suites);
    minke__write_u16(&w, 0x0100); /* no compression */
    const size_t at = w.len;
    minke__write_u16(&w, 0);
    minke__write_bytes(&w, extensions, sizeof extensions);
    write_key_shares(&w);
    minke__patch_u16(&w, at, (uint16_t)(w.len - at - 2));
    assert_false(w.failed);
    return w.len;
}

static uint64_t record_number;

static size_t make_piece(uint8_t *out, const uint8_t *hello, size_t hello_len, size_t at, size_t len)
{
    minke_writer_t w = minke__writer(out, LAB_DATAGRAM_MAX);
    minke__write_u8(&w, 22);
    minke__write_u16(&w, 0xfeff); /* as BoringSSL, until the version is known */
    minke__write_u16(&w, 0);
    minke__write_u48(&w, record_number++);
    minke__write_u16(&w, (uint16_t)(12 + len));
    minke__write_u8(&w, 1);
    minke__write_u24(&w, (uint32_t)hello_len);
    minke__write_u16(&w, 0);
    minke__write_u24(&w, (uint32_t)at);
    minke__write_u24(&w, (uint32_t)len);
    minke__write_bytes(&w, hello + at, len);
    return w.len;
}

/* What the server answered; dropped on its way. */
typedef struct answer {
    unsigned datagrams;
    uint16_t version, suite, group;
    uint16_t srtp;
} answer_t;

static bool read_answer(lab_t *lab, int to, uint8_t *data, size_t len)
{
    answer_t *answer = lab->user;
    minke_reader_t r = minke__reader(data, len);
    assert_int_equal(to, LAB_CLIENT);
    answer->datagrams++;
    (void)minke__read_bytes(&r, 25);
    assert_int_equal(data[13], 2);
    answer->version = minke__read_u16(&r);
    (void)minke__read_bytes(&r, 32);
    (void)minke__read_bytes(&r, minke__read_u8(&r));
    answer->suite = minke__read_u16(&r);
    for (size_t i = 0; i + 9 <= len; i++) {
        if (memcmp(data + i, "\x00\x0e\x00\x05\x00\x02", 6) == 0 && answer->srtp == 0)
            answer->srtp = (uint16_t)(data[i + 6] << 8 | data[i + 7]);
        if (memcmp(data + i, "\x03\x00\x1d\x20", 4) == 0) answer->group = 0x1d;
    }
    return false;
}

static void begin(lab_t *lab, answer_t *answer)
{
    *answer = (answer_t){0};
    record_number = 0;
    lab_init(lab);
    lab->tap = read_answer;
    lab->user = answer;
    lab_use_ours(lab, LAB_SERVER, NULL);
}

static void check_answer(const answer_t *answer)
{
    assert_int_equal(answer->datagrams, 1);
    assert_int_equal(answer->version, 0xfefd);
    assert_int_equal(answer->suite, 0xc02b);
    assert_int_equal(answer->group, 0x1d);
    assert_int_equal(answer->srtp, 1);
}

static void send_piece(lab_t *lab, const uint8_t *hello, size_t hello_len, size_t at, size_t len)
{
    uint8_t datagram[LAB_DATAGRAM_MAX];
    const size_t datagram_len = make_piece(datagram, hello, hello_len, at, len);
    lab_inject(lab, LAB_SERVER, datagram, datagram_len);
}

static void answers_a_browser(void **state)
{
    (void)state;
    uint8_t hello[HELLO_MAX];
    const size_t len = make_hello(hello);
    answer_t answer;
    lab_t lab;
    assert_true(len > 1300 && len < 1500);
    for (size_t cut = 1; cut < len; cut += cut < 100 || cut > len - 100 ? 1 : 50)
        for (int order = 0; order < 2; order++) {
            begin(&lab, &answer);
            if (order == 0) send_piece(&lab, hello, len, 0, cut);
            send_piece(&lab, hello, len, cut, len - cut);
            if (order == 1) {
                assert_int_equal(answer.datagrams, 0);
                send_piece(&lab, hello, len, 0, cut);
            }
            check_answer(&answer);
            lab_free(&lab);
        }
}

static void answers_pieces_that_come_twice(void **state)
{
    (void)state;
    uint8_t hello[HELLO_MAX];
    const size_t len = make_hello(hello);
    answer_t answer;
    lab_t lab;
    begin(&lab, &answer);
    for (int i = 0; i < 3; i++) send_piece(&lab, hello, len, 0, 1150);
    for (int i = 0; i < 3; i++) send_piece(&lab, hello, len, 1150, len - 1150);
    for (int i = 0; i < 3; i++) send_piece(&lab, hello, len, 0, 1150);
    check_answer(&answer);
    lab_free(&lab);
}

/* Lost once and cut elsewhere when it was sent again. */
static void answers_overlapping_pieces(void **state)
{
    (void)state;
    uint8_t hello[HELLO_MAX];
    const size_t len = make_hello(hello);
    answer_t answer;
    lab_t lab;
    begin(&lab, &answer);
    send_piece(&lab, hello, len, 900, len - 900);
    send_piece(&lab, hello, len, 400, 600);
    send_piece(&lab, hello, len, 100, 50);
    assert_int_equal(answer.datagrams, 0);
    send_piece(&lab, hello, len, 0, 450);
    check_answer(&answer);
    lab_free(&lab);
}

/* Two pieces in two records of one datagram, and both in one record. */
static void answers_pieces_in_one_datagram(void **state)
{
    (void)state;
    uint8_t hello[HELLO_MAX], datagram[LAB_DATAGRAM_MAX];
    const size_t len = make_hello(hello);
    answer_t answer;
    lab_t lab;
    begin(&lab, &answer);
    size_t at = make_piece(datagram, hello, len, 700, len - 700);
    at += make_piece(datagram + at, hello, len, 0, 700);
    lab_inject(&lab, LAB_SERVER, datagram, at);
    check_answer(&answer);
    lab_free(&lab);

    begin(&lab, &answer);
    const size_t first = make_piece(datagram, hello, len, 0, 700);
    uint8_t second[LAB_DATAGRAM_MAX];
    const size_t second_len = make_piece(second, hello, len, 700, len - 700);
    memcpy(datagram + first, second + 13, second_len - 13);
    const size_t body_len = first + second_len - 13 - 13;
    datagram[11] = (uint8_t)(body_len >> 8);
    datagram[12] = (uint8_t)body_len;
    lab_inject(&lab, LAB_SERVER, datagram, 13 + body_len);
    check_answer(&answer);
    lab_free(&lab);
}

/* Forged pieces of the same message, before, between and after: other lengths, other bytes, other places. */
static void forged_pieces_do_not_spoil_the_hello(void **state)
{
    (void)state;
    uint8_t hello[HELLO_MAX], forged[HELLO_MAX];
    const size_t len = make_hello(hello);
    memcpy(forged, hello, sizeof forged);
    for (size_t i = 0; i < sizeof forged; i++) forged[i] ^= 0x5a;
    for (int order = 0; order < 2; order++) {
        answer_t answer;
        lab_t lab;
        begin(&lab, &answer);
        send_piece(&lab, forged, len + 10, 0, 1150);
        send_piece(&lab, forged, 40, 30, 8);
        send_piece(&lab, forged, len, 20, 300);
        send_piece(&lab, hello, len, order == 0 ? 0 : 1150, order == 0 ? 1150 : len - 1150);
        send_piece(&lab, forged, len - 1, 1150, len - 1 - 1150);
        send_piece(&lab, hello, len, order == 0 ? 1150 : 0, order == 0 ? len - 1150 : 1150);
        check_answer(&answer);
        lab_free(&lab);
    }
}

/* ---- a whole handshake with a client whose hello is as long */

static int add_extension(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *len, X509 *x509,
                         size_t index, int *alert, void *argument)
{
    static unsigned char bytes[1240];
    (void)ssl;
    (void)type;
    (void)context;
    (void)x509;
    (void)index;
    (void)alert;
    (void)argument;
    *out = bytes;
    *len = sizeof bytes;
    return 1;
}

typedef struct trouble {
    int order; /* 0 as sent, 1 reversed, 2 each twice, 3 the first lost, 4 the second lost */
    unsigned seen;
} trouble_t;

static bool trouble_pieces(lab_t *lab, int to, uint8_t *data, size_t len)
{
    trouble_t *trouble = lab->user;
    if (to != LAB_SERVER || data[13] != 1 || data[4] != 0) return true;
    trouble->seen++;
    switch (trouble->order) {
    case 1: lab_post(lab, to, data, len, lab->latency + (trouble->seen == 1 ? 1000 : 0)); return false;
    case 2: lab_post(lab, to, data, len, lab->latency); return true;
    case 3: return trouble->seen != 1;
    case 4: return trouble->seen != 2;
    default: return true;
    }
}

static void completes_with_a_long_hello(void **state)
{
    (void)state;
    SSL_CTX *context = lab_openssl_context(false, NULL, NULL);
    assert_int_equal(
        SSL_CTX_add_custom_ext(context, 65001, SSL_EXT_CLIENT_HELLO, add_extension, NULL, NULL, NULL, NULL), 1);
    for (int order = 0; order < 5; order++) {
        lab_t lab;
        trouble_t trouble = {order, 0};
        lab_init(&lab);
        lab.tap = trouble_pieces;
        lab.user = &trouble;
        lab_use_ours(&lab, LAB_SERVER, NULL);
        lab_use_openssl(&lab, LAB_CLIENT, context);
        lab_start(&lab);
        assert_true(lab_connect(&lab, lab.now + 2 * SECOND));
        assert_int_equal(trouble.seen, order < 3 ? 2 : 4);
        lab_check_traffic(&lab);
        lab_free(&lab);
    }
    SSL_CTX_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_a_browser),
        cmocka_unit_test(answers_pieces_that_come_twice),
        cmocka_unit_test(answers_overlapping_pieces),
        cmocka_unit_test(answers_pieces_in_one_datagram),
        cmocka_unit_test(forged_pieces_do_not_spoil_the_hello),
        cmocka_unit_test(completes_with_a_long_hello),
    };
    return cmocka_run_group_tests(tests, lab_set_up, lab_tear_down);
}
