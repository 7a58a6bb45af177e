/* Words and numbers in text. */
#include "support.h"

#include "signalling/text.h"

static minke_slice_t of(const char *text) { return (minke_slice_t){(const uint8_t *)text, strlen(text)}; }

static void words(void **state)
{
    (void)state;
    minke_slice_t rest = of("  one\ttwo \r\n");
    assert_true(minke__text_is(minke__text_word(&rest), "one"));
    assert_true(minke__text_is(minke__text_word(&rest), "two"));
    assert_int_equal(minke__text_word(&rest).len, 0);
    assert_int_equal(rest.len, 0);
    rest = of("a:b:c");
    assert_true(minke__text_is(minke__text_until(&rest, ':'), "a"));
    assert_true(minke__text_is(minke__text_until(&rest, '/'), "b:c"));
    assert_int_equal(minke__text_until(&rest, ':').len, 0);
    assert_true(minke__text_is(minke__text_trim(of(" \t x y \r\n")), "x y"));
    assert_int_equal(minke__text_trim(of(" ")).len, 0);
}

static void comparisons(void **state)
{
    (void)state;
    assert_true(minke__text_is_caseless(of("SHA-256"), "sha-256"));
    assert_false(minke__text_is_caseless(of("sha-25"), "sha-256"));
    assert_false(minke__text_is_caseless(of("[]"), "{}")); /* their codes differ as those of letters do */
    assert_false(minke__text_is(of("A"), "a"));
    assert_true(minke__text_begins(of("a=b"), "a="));
    assert_false(minke__text_begins(of("a"), "a="));
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max, value;
        bool is_number;
    } table[] = {
        {"0", 9, 0, true},
        {"007", 9, 7, true},
        {"65535", 65535, 65535, true},
        {"65536", 65535, 65536, true},
        {"99999999999999999999999", 65535, 65536, true},
        {"18446744073709551614", UINT64_MAX - 1, UINT64_MAX - 1, true},
        {"18446744073709551616", UINT64_MAX - 1, UINT64_MAX, true},
        {"", 9, 0, false},
        {"-1", 9, 0, false},
        {"+1", 9, 0, false},
        {" 1", 9, 0, false},
        {"1.0", 9, 0, false},
        {"0x1", 9, 0, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint64_t value = 0;
        assert_int_equal(minke__text_number(of(table[i].text), table[i].max, &value), table[i].is_number);
        if (table[i].is_number) assert_true(value == table[i].value);
    }
}

static void copies(void **state)
{
    (void)state;
    char out[4];
    assert_true(minke__text_copy(of("abc"), out, sizeof out));
    assert_string_equal(out, "abc");
    assert_false(minke__text_copy(of("abcd"), out, sizeof out));
    assert_int_equal(minke__text_hex_digit('f'), 15);
    assert_int_equal(minke__text_hex_digit('A'), 10);
    assert_int_equal(minke__text_hex_digit('g'), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(comparisons),
        cmocka_unit_test(numbers),
        cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
