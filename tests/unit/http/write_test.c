#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "http/head.h"
#include "http/write.h"

static void assert_written(const minke_writer_t *w, const char *expected)
{
    assert_false(w->failed);
    assert_int_equal(w->len, strlen(expected));
    assert_memory_equal(w->data, expected, w->len);
}

static void write_request(minke_writer_t *w)
{
    minke__http_write_request(w, "GET", "/path");
    minke__http_write_field(w, "Host", "a:1");
    minke__http_write_field(w, "X-Empty", "");
    minke__http_write_end(w);
}

static void write_response(minke_writer_t *w)
{
    minke__http_write_response(w, 426, "Upgrade Required");
    minke__http_write_field_number(w, "Content-Length", 18446744073709551615ULL);
    minke__http_write_end(w);
}

static void test_both_kinds(void **state)
{
    (void)state;
    char out[256];
    minke_writer_t w = minke__writer(out, sizeof out);
    write_request(&w);
    assert_written(&w, "GET /path HTTP/1.1\r\nHost: a:1\r\nX-Empty: \r\n\r\n");
    w = minke__writer(out, sizeof out);
    write_response(&w);
    assert_written(&w, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 18446744073709551615\r\n\r\n");
    w = minke__writer(out, sizeof out);
    minke__http_write_response(&w, 200, "");
    assert_written(&w, "HTTP/1.1 200 \r\n");
}

static void test_our_parser_reads_them(void **state)
{
    (void)state;
    static minke_http_head_t head;
    char out[256];
    size_t taken;
    minke_writer_t w = minke__writer(out, sizeof out);
    write_request(&w);
    minke__http_head_init(&head, MINKE_HTTP_REQUEST);
    assert_int_equal(minke__http_head_recv(&head, w.data, w.len, &taken), MINKE_OK);
    assert_true(minke__http_text_is(minke__http_head_target(&head), "/path"));
    w = minke__writer(out, sizeof out);
    minke__http_write_response(&w, 599, "a \xc3\xa4");
    minke__http_write_end(&w);
    minke__http_head_init(&head, MINKE_HTTP_RESPONSE);
    assert_int_equal(minke__http_head_recv(&head, w.data, w.len, &taken), MINKE_OK);
    assert_int_equal(minke__http_head_status(&head), 599);
}

static void test_too_little_room(void **state)
{
    (void)state;
    char out[256];
    minke_writer_t whole = minke__writer(out, sizeof out);
    write_request(&whole);
    for (size_t capacity = 0; capacity < whole.len; capacity++) {
        minke_writer_t w = minke__writer(out, capacity);
        write_request(&w);
        assert_true(w.failed);
    }
}

/* Nothing that comes from elsewhere becomes a line of its own. */
static void test_no_line_is_smuggled_in(void **state)
{
    (void)state;
    static const char *const bad_words[] = {"", "/a b", "/\r\nX: y", "/\n", "/\x7f", "/\xc3\xa4", "\t"};
    static const char *const bad_values[] = {"a\r\nX: y", "a\n", "\r", "\x01", "\x7f"};
    char out[256];
    for (size_t i = 0; i < sizeof bad_words / sizeof bad_words[0]; i++) {
        minke_writer_t target = minke__writer(out, sizeof out), name = target, method = target;
        minke__http_write_request(&target, "GET", bad_words[i]);
        minke__http_write_request(&method, bad_words[i], "/");
        minke__http_write_field(&name, bad_words[i], "x");
        assert_true(target.failed && method.failed && name.failed);
    }
    for (size_t i = 0; i < sizeof bad_values / sizeof bad_values[0]; i++) {
        minke_writer_t value = minke__writer(out, sizeof out), reason = value;
        minke__http_write_field(&value, "X", bad_values[i]);
        minke__http_write_response(&reason, 200, bad_values[i]);
        assert_true(value.failed && reason.failed);
    }
    minke_writer_t w = minke__writer(out, sizeof out);
    minke__http_write_response(&w, 600, "");
    assert_true(w.failed);
    w = minke__writer(out, sizeof out);
    minke__http_write_field_number(&w, "a:", 1);
    assert_true(w.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_kinds),
        cmocka_unit_test(test_our_parser_reads_them),
        cmocka_unit_test(test_too_little_room),
        cmocka_unit_test(test_no_line_is_smuggled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
