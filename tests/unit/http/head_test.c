#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/head.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* Reads `text` in pieces of `step` bytes. Returns the result and how many bytes were taken. */
static int parse(minke_http_head_t *head, minke_http_kind_t kind, const char *text, size_t len, size_t step,
                 size_t *taken)
{
    int result = MINKE_ERROR_AGAIN;
    size_t at = 0;
    minke__http_head_init(head, kind);
    while (at < len && result == MINKE_ERROR_AGAIN) {
        const size_t n = len - at < step ? len - at : step;
        size_t used;
        result = minke__http_head_recv(head, (const uint8_t *)text + at, n, &used);
        assert_true(used <= n);
        if (result == MINKE_ERROR_AGAIN) assert_int_equal(used, n);
        at += used;
    }
    *taken = at;
    assert_true((minke__http_head_error(head) != NULL) == (result != MINKE_OK && result != MINKE_ERROR_AGAIN));
    return result;
}

static void assert_text(minke_http_text_t text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static const char request[] = "GET /a?b=%20 HTTP/1.1\r\n"
                              "Host: example.org:4001\r\n"
                              "X-Empty:\r\n"
                              "x-BLANKS: \t two words\t \r\n"
                              "Connection: keep-alive\r\n"
                              "connection: , Foo ,UPGRADE\t,\r\n"
                              "X-High: \xc3\xa4\r\n"
                              "Content-Length: 12\r\n"
                              "\r\n";

static void check_request(const minke_http_head_t *head)
{
    minke_http_text_t value = {0};
    uint64_t len = 0;
    assert_text(minke__http_head_method(head), "GET");
    assert_text(minke__http_head_target(head), "/a?b=%20");
    assert_int_equal(minke__http_head_minor_version(head), 1);
    assert_int_equal(minke__http_head_field(head, "HOST", &value), 1);
    assert_text(value, "example.org:4001");
    assert_int_equal(minke__http_head_field(head, "x-empty", &value), 1);
    assert_text(value, "");
    assert_int_equal(minke__http_head_field(head, "X-Blanks", &value), 1);
    assert_text(value, "two words");
    assert_int_equal(minke__http_head_field(head, "X-High", &value), 1);
    assert_text(value, "\xc3\xa4");
    assert_int_equal(minke__http_head_field(head, "Connection", &value), 2);
    assert_text(value, "keep-alive");
    assert_int_equal(minke__http_head_field(head, "X-", &value), 0);
    assert_true(minke__http_head_field_has(head, "Connection", "upgrade"));
    assert_true(minke__http_head_field_has(head, "Connection", "Keep-Alive"));
    assert_true(minke__http_head_field_has(head, "Connection", "foo"));
    assert_false(minke__http_head_field_has(head, "Connection", "keep"));
    assert_false(minke__http_head_field_has(head, "Connection", "upgrades"));
    assert_false(minke__http_head_field_has(head, "Upgrade", "websocket"));
    assert_true(minke__http_head_content_length(head, &len));
    assert_int_equal(len, 12);
    assert_true(minke__http_head_announces_body(head));
}

static void test_request_cut_anywhere(void **state)
{
    (void)state;
    static minke_http_head_t head;
    const size_t len = sizeof request - 1;
    size_t taken;
    char more[sizeof request + 8];
    (void)snprintf(more, sizeof more, "%sbody", request);
    for (size_t step = 1; step <= len + 4; step++) {
        assert_int_equal(parse(&head, MINKE_HTTP_REQUEST, more, len + 4, step, &taken), MINKE_OK);
        assert_int_equal(taken, len);
        check_request(&head);
        /* It stays with what it said. */
        assert_int_equal(minke__http_head_recv(&head, BYTES("GET"), &taken), MINKE_OK);
        assert_int_equal(taken, 0);
    }
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(parse(&head, MINKE_HTTP_REQUEST, request, cut, 1000, &taken), MINKE_ERROR_AGAIN);
        assert_int_equal(taken, cut);
    }
}

static void test_response(void **state)
{
    (void)state;
    static minke_http_head_t head;
    size_t taken;
    const char text[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x82\x00";
    assert_int_equal(parse(&head, MINKE_HTTP_RESPONSE, text, sizeof text - 1, 3, &taken), MINKE_OK);
    assert_int_equal(taken, sizeof text - 3);
    assert_int_equal(minke__http_head_status(&head), 101);
    assert_text(minke__http_head_reason(&head), "Switching Protocols");
    assert_false(minke__http_head_announces_body(&head));
    const char bare[] = "HTTP/1.0 404 \r\nContent-Length: 0\r\n\r\n";
    assert_int_equal(parse(&head, MINKE_HTTP_RESPONSE, bare, sizeof bare - 1, 99, &taken), MINKE_OK);
    assert_int_equal(minke__http_head_minor_version(&head), 0);
    assert_text(minke__http_head_reason(&head), "");
    assert_false(minke__http_head_announces_body(&head));
}

typedef struct wrong {
    const char *text;
    int result;
} wrong_t;

#define HOST "Host: a\r\n"

static const wrong_t wrong_requests[] = {
    /* start line */
    {"\r\nGET / HTTP/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"GET /\r\n", MINKE_ERROR_MALFORMED},
    {"GET\r\n", MINKE_ERROR_MALFORMED},
    {" GET / HTTP/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"GET  / HTTP/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"GET /  HTTP/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1 \r\n", MINKE_ERROR_MALFORMED},
    {"GET /a b HTTP/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"GET /\xc3\xa4 HTTP/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"GET\t/ HTTP/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"G(T / HTTP/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"GET / http/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.x\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1,1\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.10\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.2\r\n", MINKE_ERROR_UNSUPPORTED},
    {"GET / HTTP/0.9\r\n", MINKE_ERROR_UNSUPPORTED},
    {"PRI * HTTP/2.0\r\n", MINKE_ERROR_UNSUPPORTED},
    {"HTTP/1.1 200 OK\r\n", MINKE_ERROR_MALFORMED},
    {"\x16\x03", MINKE_ERROR_MALFORMED},
    {"\x13/multistream/1.0.0\n", MINKE_ERROR_MALFORMED},
    /* lines */
    {"GET / HTTP/1.1\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\rH", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\r", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\nA: b\x01", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\nA: b\x7f", MINKE_ERROR_MALFORMED},
    /* fields */
    {"GET / HTTP/1.1\r\n" HOST " folded\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "\tfolded\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "A : b\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST " A: b\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST ": b\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "A\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "A[b]: c\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "\xc3\xa4: c\r\n", MINKE_ERROR_MALFORMED},
    /* framing */
    {"GET / HTTP/1.1\r\n" HOST "Content-Length:\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\ncontent-length: 1\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", MINKE_ERROR_MALFORMED},
    /* Host */
    {"GET / HTTP/1.1\r\n\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n" HOST "HOST: a\r\n\r\n", MINKE_ERROR_MALFORMED},
};

static const wrong_t wrong_responses[] = {
    {"HTTP/1.1 200\r\n", MINKE_ERROR_MALFORMED},
    {"HTTP/1.1  200 OK\r\n", MINKE_ERROR_MALFORMED},
    {"HTTP/1.1 20 OK\r\n", MINKE_ERROR_MALFORMED},
    {"HTTP/1.1 2000 OK\r\n", MINKE_ERROR_MALFORMED},
    {"HTTP/1.1 99x OK\r\n", MINKE_ERROR_MALFORMED},
    {"HTTP/1.1 099 OK\r\n", MINKE_ERROR_MALFORMED},
    {"HTTP/1.1 600 OK\r\n", MINKE_ERROR_MALFORMED},
    {"HTTP/1.1\t200 OK\r\n", MINKE_ERROR_MALFORMED},
    {"HTTP/2.0 200 OK\r\n", MINKE_ERROR_UNSUPPORTED},
    {"ICY 200 OK\r\n", MINKE_ERROR_MALFORMED},
    {"GET / HTTP/1.1\r\n", MINKE_ERROR_MALFORMED},
    {"HTTP/1.1 200 O\x01K\r\n", MINKE_ERROR_MALFORMED},
    {"\r\n", MINKE_ERROR_MALFORMED},
};

/* Wrong however it is cut, and for good. */
static void check_wrong(minke_http_kind_t kind, const wrong_t *wrong)
{
    static minke_http_head_t head;
    const size_t len = strlen(wrong->text);
    size_t taken;
    for (size_t step = 1; step <= len; step++) {
        const int result = parse(&head, kind, wrong->text, len, step, &taken);
        if (result != wrong->result) print_error("%s: %s\n", wrong->text, minke_error_text(result));
        assert_int_equal(result, wrong->result);
        assert_int_equal(minke__http_head_recv(&head, BYTES("\r\n\r\n"), &taken), wrong->result);
        assert_int_equal(taken, 0);
    }
}

static void test_wrong_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_requests / sizeof wrong_requests[0]; i++) {
        check_wrong(MINKE_HTTP_REQUEST, &wrong_requests[i]);
    }
    for (size_t i = 0; i < sizeof wrong_responses / sizeof wrong_responses[0]; i++) {
        check_wrong(MINKE_HTTP_RESPONSE, &wrong_responses[i]);
    }
}

static void test_bodies_that_are_announced(void **state)
{
    (void)state;
    static minke_http_head_t head;
    uint64_t len;
    size_t taken;
    const char none[] = "GET / HTTP/1.0\r\n\r\n"; /* which needs no Host */
    assert_int_equal(parse(&head, MINKE_HTTP_REQUEST, none, sizeof none - 1, 99, &taken), MINKE_OK);
    assert_false(minke__http_head_announces_body(&head));
    assert_false(minke__http_head_content_length(&head, &len));
    const char chunked[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_int_equal(parse(&head, MINKE_HTTP_REQUEST, chunked, sizeof chunked - 1, 99, &taken), MINKE_OK);
    assert_true(minke__http_head_announces_body(&head));
    const char huge[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551609\r\n\r\n";
    assert_int_equal(parse(&head, MINKE_HTTP_REQUEST, huge, sizeof huge - 1, 99, &taken), MINKE_OK);
    assert_true(minke__http_head_content_length(&head, &len));
    assert_true(len == UINT64_MAX - 6);
}

static void test_caps(void **state)
{
    (void)state;
    static minke_http_head_t head;
    static char text[2 * MINKE_HTTP_HEAD_MAX];
    size_t taken;
    const char start[] = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (size_t fields = MINKE_HTTP_FIELDS_MAX; fields <= MINKE_HTTP_FIELDS_MAX + 1; fields++) {
        (void)strcpy(text, start);
        for (size_t i = 1; i < fields; i++) (void)strcat(text, "a:b\r\n");
        (void)strcat(text, "\r\n");
        const int expected = fields == MINKE_HTTP_FIELDS_MAX ? MINKE_OK : MINKE_ERROR_TOO_LARGE;
        assert_int_equal(parse(&head, MINKE_HTTP_REQUEST, text, strlen(text), 100, &taken), expected);
    }
    for (size_t len = MINKE_HTTP_HEAD_MAX - 1; len <= MINKE_HTTP_HEAD_MAX + 1; len++) {
        memset(text, 'x', sizeof text);
        memcpy(text, start, sizeof start - 1);
        memcpy(text + sizeof start - 1, "a:", 2);
        memcpy(text + len - 4, "\r\n\r\n", 4);
        const int expected = len <= MINKE_HTTP_HEAD_MAX ? MINKE_OK : MINKE_ERROR_TOO_LARGE;
        assert_int_equal(parse(&head, MINKE_HTTP_REQUEST, text, len, 100, &taken), expected);
        assert_int_equal(taken, len <= MINKE_HTTP_HEAD_MAX ? len : MINKE_HTTP_HEAD_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_cut_anywhere),
        cmocka_unit_test(test_response),
        cmocka_unit_test(test_wrong_heads),
        cmocka_unit_test(test_bodies_that_are_announced),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
