#include "webrtc/hello.h"

#include <string.h>

enum {
    HELLO_MAX = 512,
    /* What a listener that has others to serve takes to make its flight; where there is none, this is waited in vain.
     */
    FLIGHT_AFTER = 10000
};

minke_hello_t *minke__hello_new(const minke_env_t *env, minke_dtls_t *dtls, minke_time_t now)
{
    uint8_t bytes[HELLO_MAX];
    minke__dtls_connect(dtls, now);
    const size_t len = minke__dtls_transmit(dtls, bytes, sizeof bytes);
    minke_hello_t *hello = len > 0 ? minke__alloc_zero(env, sizeof *hello + len) : NULL;
    if (hello == NULL) return NULL;
    hello->again_at = MINKE_TIME_NEVER;
    hello->len = len;
    memcpy(hello->bytes, bytes, len);
    return hello;
}

void minke__hello_free(const minke_env_t *env, minke_hello_t *hello)
{
    if (hello == NULL) return;
    minke__free(env, hello->early);
    minke__free(env, hello);
}

size_t minke__hello_write(const minke_hello_t *hello, uint8_t *out, size_t capacity)
{
    if (hello->len > capacity) return 0;
    memcpy(out, hello->bytes, hello->len);
    return hello->len;
}

void minke__hello_keep(const minke_env_t *env, minke_hello_t *hello, const minke_train_t *train,
                       const minke_path_t *path)
{
    if (hello->early_len > 0) return;
    const size_t len = train->len < train->segment_len ? train->len : train->segment_len;
    hello->early = minke__alloc(env, len);
    if (hello->early == NULL) return; /* it will be repeated */
    memcpy(hello->early, train->data, len);
    hello->early_len = len;
    hello->early_path = *path;
}

void minke__hello_answered(minke_hello_t *hello, bool first, minke_time_t now)
{
    hello->again_at = first ? now + FLIGHT_AFTER : now;
}
