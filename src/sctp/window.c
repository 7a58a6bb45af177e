#include "sctp/window.h"

enum { ROUND_TRIPS = 4 };

static void begin(minke_window_t *window, uint64_t consumed, minke_time_t now)
{
    window->since = now;
    window->consumed = consumed;
}

static void grow(minke_window_t *window, uint64_t wanted)
{
    const uint64_t twice = 2 * (uint64_t)window->size, most = twice < window->max ? twice : window->max;
    if (wanted > window->size) window->size = (uint32_t)(wanted < most ? wanted : most);
}

void minke__window_consumed(minke_window_t *window, uint64_t consumed, minke_time_t round_trip, minke_time_t now)
{
    if (window->size == window->max || round_trip == 0) return;
    if (window->since == 0 || now < window->since) {
        begin(window, consumed, now);
        return;
    }
    const minke_time_t span = now - window->since;
    if (span < round_trip) return;
    const uint64_t bytes = consumed - window->consumed;
    if (bytes <= UINT64_MAX / ROUND_TRIPS / round_trip) grow(window, ROUND_TRIPS * bytes * round_trip / span);
    begin(window, consumed, now);
}
