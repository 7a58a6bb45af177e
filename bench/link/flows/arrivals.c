#include "arrivals.h"

#include <stdio.h>

#include "support/measure.h"

static const double LONG_GAP = 0.2, BIN = ARRIVALS_BIN_MS / 1000.0;

void arrivals_begin(arrivals_t *arrivals, double seconds)
{
    *arrivals = (arrivals_t){.begun_at = now_s(), .seconds = seconds};
    arrivals->last_at = arrivals->begun_at;
}

static void note_gap(arrivals_t *arrivals, double now)
{
    const double gap = now - arrivals->last_at;
    if (gap > LONG_GAP) arrivals->gaps++;
    if (gap > arrivals->longest_gap) {
        arrivals->longest_gap = gap;
        arrivals->longest_gap_at = arrivals->last_at - arrivals->begun_at;
    }
    arrivals->last_at = now;
}

void arrivals_add(arrivals_t *arrivals, uint64_t bytes)
{
    const double now = now_s(), since = now - arrivals->begun_at;
    if (since >= arrivals->seconds || since >= ARRIVALS_BINS_MAX * BIN) return;
    /* The first bytes are a round trip away and more: that is set-up, and no gap. */
    if (arrivals->bytes == 0) arrivals->last_at = now;
    note_gap(arrivals, now);
    arrivals->bytes += bytes;
    arrivals->bins[(unsigned)(since / BIN)] += bytes;
}

bool arrivals_are_over(const arrivals_t *arrivals) { return now_s() >= arrivals->begun_at + arrivals->seconds; }

void arrivals_print(const arrivals_t *arrivals, const char *kind, const char *more)
{
    arrivals_t a = *arrivals;
    const double end = a.begun_at + a.seconds;
    if (a.bytes > 0) note_gap(&a, now_s() < end ? now_s() : end); /* what has not come any more */
    (void)printf("{\"event\":\"received\",\"kind\":\"%s\",\"begun_s\":%.6f,\"seconds\":%.3f,\"bytes\":%llu", kind,
                 a.begun_at, a.seconds, (unsigned long long)a.bytes);
    (void)printf(",\"longest_gap_ms\":%.1f,\"longest_gap_at_s\":%.3f,\"gaps_over_200_ms\":%llu,\"cpu_s\":%.3f%s",
                 a.longest_gap * 1000, a.longest_gap_at, (unsigned long long)a.gaps, cpu_s(), more);
    (void)printf(",\"bin_ms\":%d,\"bin_bytes\":[", ARRIVALS_BIN_MS);
    for (unsigned i = 0; i < (unsigned)(a.seconds / BIN) && i < ARRIVALS_BINS_MAX; i++) {
        (void)printf("%s%llu", i > 0 ? "," : "", (unsigned long long)a.bins[i]);
    }
    (void)puts("]}");
    (void)fflush(stdout);
}
