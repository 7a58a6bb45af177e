/* The vectors of spec/webrtc-direct.md 8: the Noise prologue, and the first frame that a listener sends on stream 0. */
#include "webrtc/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "stream/frame.h"
#include "support/test_env.h"

static const char dialer_hex[] = "3e79af40d6059617a0d83b83a52ce73b0c1f37a72c6043ad2969e2351bdca870";
static const char listener_hex[] = "30fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99";

static void prologue_is_that_of_the_specification(void **state)
{
    (void)state;
    uint8_t dialer[32], listener[32], expected[MINKE_PROLOGUE_BYTES], prologue[MINKE_PROLOGUE_BYTES];
    test_unhex(dialer_hex, dialer, sizeof dialer);
    test_unhex(listener_hex, listener, sizeof listener);
    assert_int_equal(test_unhex("6c69627032702d7765627274632d6e6f6973653a"
                                "12203e79af40d6059617a0d83b83a52ce73b0c1f37a72c6043ad2969e2351bdca870"
                                "122030fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99",
                                expected, sizeof expected),
                     sizeof expected);
    minke__direct_prologue(dialer, listener, prologue);
    assert_memory_equal(prologue, expected, sizeof expected);
}

/* The random bytes that Noise draws: the static secret first, then the ephemeral one (noise/noise.h). */
static void fill_with_vector_keys(void *user, uint8_t *out, size_t len)
{
    int *drawn = user;
    assert_int_equal(len, 32);
    memset(out, ++*drawn, len); /* 01 * 32 and 02 * 32, the initiator's keys in spec/host.md 5 */
}

static void first_frame_of_a_listener(void **state)
{
    (void)state;
    test_env_t test;
    int drawn = 0;
    minke_identity_t *identity;
    uint8_t fingerprint[32] = {0}, expected[37];
    test_env_init(&test, 1);
    assert_int_equal(minke__identity_new(&test.env, &identity), MINKE_OK);
    test.env.random = (minke_random_t){&drawn, fill_with_vector_keys};
    minke_noise_t *noise = minke__noise_new(&test.env, true, identity, NULL, fingerprint, sizeof fingerprint);
    minke_message_t *message = minke__message_new(&test.env, MINKE_FRAME_HEADROOM, 64);
    uint8_t *payload = message->bytes + message->start;
    payload[0] = 0;
    payload[1] = (uint8_t)minke__noise_write(noise, payload + 2, 62);
    message->end += 2 + (uint32_t)payload[1];
    minke__frame_seal(message);
    const size_t len = test_unhex("24 1222 0020 ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59",
                                  expected, sizeof expected);
    assert_int_equal(message->end - message->start, len);
    assert_memory_equal(message->bytes + message->start, expected, len);
    minke__free(&test.env, message);
    minke__noise_free(noise);
    minke__identity_free(identity);
    assert_int_equal(test.blocks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prologue_is_that_of_the_specification),
        cmocka_unit_test(first_frame_of_a_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
