#include "crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>

/* Words of a lane at most. */
enum { LANE_MAX = 64 };

/* x^(64 n - 33) and x^(128 n - 33), bits reflected: what carries a remainder past one lane of n words, and past two. */
static uint32_t past_one[LANE_MAX + 1], past_two[LANE_MAX + 1];

static uint32_t power_of_x(unsigned n)
{
    uint32_t power = 0x80000000u;
    while (n-- > 0) power = (power & 1) != 0 ? power >> 1 ^ 0x82f63b78u : power >> 1;
    return power;
}

bool crc32c_init(void)
{
    for (unsigned n = 1; n <= LANE_MAX; n++) {
        past_one[n] = power_of_x(64 * n - 33);
        past_two[n] = power_of_x(128 * n - 33);
    }
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

static uint64_t word_at(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t three_lanes(uint32_t crc, const uint8_t *at, size_t words)
{
    const size_t lane = 8 * words;
    uint64_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < lane; i += 8) {
        a = _mm_crc32_u64(a, word_at(at + i));
        b = _mm_crc32_u64(b, word_at(at + lane + i));
        c = _mm_crc32_u64(c, word_at(at + 2 * lane + i));
    }
    const __m128i far = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)a), _mm_cvtsi64_si128(past_two[words]), 0);
    const __m128i near = _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)b), _mm_cvtsi64_si128(past_one[words]), 0);
    return (uint32_t)(_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(far, near))) ^ c);
}

__attribute__((target("sse4.2,pclmul"))) uint32_t crc32c(const uint8_t *data, size_t len)
{
    uint32_t crc = 0xffffffff;
    while (len >= 192) {
        const size_t words = len / 24 < LANE_MAX ? len / 24 : LANE_MAX;
        crc = three_lanes(crc, data, words);
        data += 24 * words;
        len -= 24 * words;
    }
    for (; len >= 8; len -= 8, data += 8) crc = (uint32_t)_mm_crc32_u64(crc, word_at(data));
    for (; len > 0; len--, data++) crc = _mm_crc32_u8(crc, *data);
    return ~crc;
}

#else

bool crc32c_init(void) { return false; }

uint32_t crc32c(const uint8_t *data, size_t len)
{
    (void)data;
    return (uint32_t)len;
}

#endif
