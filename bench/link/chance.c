#include "chance.h"

/* SplitMix64, to spread a small seed over the state. */
static uint64_t spread(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void chance_begin(chance_t *chance, uint64_t seed, uint64_t stream)
{
    uint64_t x = seed * 2654435761 + stream;
    for (unsigned i = 0; i < 4; i++) chance->state[i] = spread(&x);
}

static uint64_t rotate(uint64_t x, unsigned n) { return x << n | x >> (64 - n); }

/* xoshiro256**. */
static uint64_t draw(chance_t *chance)
{
    uint64_t *s = chance->state;
    const uint64_t result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

bool chance_happens(chance_t *chance, double probability)
{
    return (double)(draw(chance) >> 11) * 0x1p-53 < probability;
}

bool losses_take(losses_t *losses, chance_t *chance)
{
    if (losses->burst <= 1) return chance_happens(chance, losses->rate);
    /* Of all packets the part rate is in `bad`, where they stay for `burst` packets on average. */
    const double leave = 1 / losses->burst, enter = leave * losses->rate / (1 - losses->rate);
    if (chance_happens(chance, losses->bad ? leave : enter)) losses->bad = !losses->bad;
    return losses->bad;
}
