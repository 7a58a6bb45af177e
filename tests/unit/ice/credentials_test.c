#include "ice_support.h"

#include <stdlib.h>

#define X22 "abcdefghijklmnopqrstuv"
#define X239 X22 X22 X22 X22 X22 X22 X22 X22 X22 X22 "abcdefghijklmnopqrs"
#define P1 "libp2p+webrtc+v1/"
#define P2 "libp2p+webrtc+v2/"

/* spec/webrtc-direct.md 5.2, steps 2 to 4 */
static void judges_usernames(void **state)
{
    (void)state;
    static const struct {
        const char *text, *what;
        int version; /* 0: refused */
    } table[] = {
        {S1 ":" S1, "v1", 1},
        {S2 ":" UFRAG2, "v2", 2},
        {S1 ":abcd", "v1 with unequal halves", 1},
        {P2 X22 ":abcd", "v2, the shortest password", 2},
        {P2 "abcdefghijklmnopqrstu:abcd", "v2, a password of 21", 0},
        {P2 X239 ":abcd", "v2, the longest", 2},
        {P2 X239 "x:abcd", "v2, one longer", 0},
        {P1 "abcde:abcd", "v1, the shortest", 1},
        {P1 "abcd:abcd", "v1, 21 characters", 0},
        {P1 X239 ":" P1 X239, "v1, the longest", 1},
        {P1 X239 ":" P1 X239 "x", "v1, one longer", 0},
        {P2 X22 ":abc", "a client ufrag of 3", 0},
        {P2 X22 ":", "no client ufrag", 0},
        {P2 X22, "no colon", 0},
        {"", "nothing", 0},
        {":", "a colon", 0},
        {":" S1, "no server ufrag", 0},
        {"abc:abcd", "a server ufrag of 3", 0},
        {"libp2p+webrtc+v3/" X22 ":abcd", "an unknown version", 0},
        {"libp2p+webrtc+v1:abcdefgh", "no slash", 0},
        {"libp2p+webrtc+v22/" X22 ":abcd", "a longer version", 0},
        {"LIBP2P+webrtc+v1/" X22 ":abcd", "another case", 0},
        {X22 X22 ":" X22, "no prefix", 0},
        {S1 ":" S1 ":" S1, "two colons", 0},
        {P1 X22 "\n:abcd", "a line feed in the server half", 0},
        {P1 X22 ":ab\rcd", "a carriage return in the client half", 0},
        {P1 X22 "-:abcd", "a dash", 0},
        {P1 X22 ":abc_d", "an underscore", 0},
        {P1 X22 ":abc\xc3\xa4", "UTF-8", 0},
        {P1 "++//" X22 ":a/+b", "plus and slash", 1},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const size_t len = strlen(table[i].text);
        char *copy = malloc(len + 1);
        memcpy(copy, table[i].text, len);
        minke_direct_username_t names;
        const bool good = minke__direct_username_parse(copy, len, &names);
        if (good != (table[i].version != 0)) fail_msg("%s", table[i].what);
        if (good) assert_int_equal(names.version, table[i].version);
        free(copy);
    }
}

static void refuses_zero_bytes(void **state)
{
    (void)state;
    minke_direct_username_t names;
    /* Old go dialers sent 17 zero bytes in place of the prefix (spec/webrtc-direct.md 5.2). */
    char text[17 + 32 + 1 + 4] = {0};
    memset(text + 17, 'a', 32);
    memcpy(text + 49, ":abcd", 5);
    assert_false(minke__direct_username_parse(text, sizeof text, &names));
    assert_false(minke__direct_username_parse(NULL, 0, &names));
}

static void finds_the_parts(void **state)
{
    (void)state;
    minke_direct_username_t names;
    assert_true(minke__direct_username_parse(S2 ":" UFRAG2, strlen(S2 ":" UFRAG2), &names));
    assert_int_equal(names.server_ufrag_len, strlen(S2));
    assert_memory_equal(names.server_ufrag, S2, strlen(S2));
    assert_int_equal(names.client_ufrag_len, 4);
    assert_memory_equal(names.client_ufrag, UFRAG2, 4);
    assert_int_equal(names.client_pwd_len, strlen(PWD2));
    assert_memory_equal(names.client_pwd, PWD2, strlen(PWD2));
    assert_true(minke__direct_username_parse(S1 ":" S1, strlen(S1 ":" S1), &names));
    assert_int_equal(names.client_pwd_len, strlen(S1));
    assert_memory_equal(names.client_pwd, S1, strlen(S1));
}

static void knows_ice_chars(void **state)
{
    (void)state;
    size_t n = 0;
    for (int c = 0; c < 256; c++) {
        const char text[2] = {'a', (char)c};
        n += minke__ice_chars(text, 2, 2, 2) ? 1 : 0;
    }
    assert_int_equal(n, 64);
    assert_false(minke__ice_chars("abc", 3, 4, 8));
    assert_false(minke__ice_chars("abcdefghi", 9, 4, 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_usernames),
        cmocka_unit_test(refuses_zero_bytes),
        cmocka_unit_test(finds_the_parts),
        cmocka_unit_test(knows_ice_chars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
