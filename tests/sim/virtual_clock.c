/* RAND_set_rand_method is deprecated and works in every OpenSSL 3: spec/dtls-openssl.md 3. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "virtual_clock.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "support/test_env.h"

static const uint64_t first_day = 1800000000ULL * 1000000;
static uint64_t wall_clock = 1800000000ULL * 1000000;
static uint64_t random_state = 1;

int gettimeofday(struct timeval *restrict out, void *restrict zone);
time_t time(time_t *out);

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    (void)zone;
    out->tv_sec = (time_t)(wall_clock / 1000000);
    out->tv_usec = (suseconds_t)(wall_clock % 1000000);
    return 0;
}

time_t time(time_t *out)
{
    const time_t now = (time_t)(wall_clock / 1000000);
    if (out != NULL) *out = now;
    return now;
}

void sim_clock_set(uint64_t now) { wall_clock = first_day + now; }

static int fill(unsigned char *out, int len)
{
    for (int i = 0; i < len; i++) out[i] = (unsigned char)(test_random(&random_state) >> 32);
    return 1;
}

static int status(void) { return 1; }

void sim_random_seed(uint64_t seed)
{
    static const RAND_METHOD method = {.bytes = fill, .pseudorand = fill, .status = status};
    random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
    if (RAND_set_rand_method(&method) != 1) abort();
}
