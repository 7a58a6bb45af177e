#include "report.h"

#include <inttypes.h>

static const double US = 1000;

/* One number of every bin. */
typedef double (*bin_number_t)(const direction_bin_t *bin);

static double bytes_of(const direction_bin_t *bin) { return bin->bytes; }
static double lost_of(const direction_bin_t *bin) { return bin->lost; }
static double overflowed_of(const direction_bin_t *bin) { return bin->overflowed; }
static double queue_max_of(const direction_bin_t *bin) { return bin->queue_max; }
static double queue_mean_of(const direction_bin_t *bin)
{
    return bin->arrivals > 0 ? (double)bin->queue_sum / (double)bin->arrivals : 0;
}

static void write_bins(FILE *out, const direction_t *direction, const char *name, bin_number_t number)
{
    (void)fprintf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < direction->bins_n; i++) {
        (void)fprintf(out, "%s%.0f", i > 0 ? "," : "", number(&direction->bins[i]));
    }
    (void)fputc(']', out);
}

static void write_direction(FILE *out, const pump_t *pump)
{
    const direction_t *direction = pump->direction;
    const direction_counts_t *c = &direction->counts;
    const double mean_us = c->taken > 0 ? (double)pump->lateness.sum / (double)c->taken / US : 0;
    (void)fprintf(out, "{\"rate_bytes\":%" PRIu64 ",\"delay_ms\":%.3f,\"queue_limit\":%zu,\"loss\":%g",
                  direction->options.rate, (double)direction->options.delay / 1e6, direction->options.queue_len,
                  direction->options.loss);
    (void)fprintf(out, ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"largest_packet\":%zu", c->packets, c->bytes,
                  c->largest);
    (void)fprintf(out, ",\"handed_over\":%" PRIu64 ",\"handed_over_bytes\":%" PRIu64 ",\"queue_max\":%zu", c->taken,
                  c->taken_bytes, c->queue_max);
    (void)fprintf(out,
                  ",\"dropped\":{\"queue\":%" PRIu64 ",\"loss\":%" PRIu64 ",\"ring\":%" PRIu64 ",\"device\":%" PRIu64
                  ",\"refused\":%" PRIu64 ",\"receiver\":%" PRIu64 "},\"reordered\":%" PRIu64,
                  c->overflowed, c->lost, c->no_room, site_losses(pump->from).device, pump->lateness.refused,
                  site_losses(pump->to).sockets, c->late);
    (void)fprintf(out, ",\"late_us\":{\"mean\":%.1f,\"max\":%.1f,\"packets_over_1_ms\":%" PRIu64 "},\"bin_ms\":%d",
                  mean_us, (double)pump->lateness.max / US, pump->lateness.over_ms, DIRECTION_BIN_MS);
    write_bins(out, direction, "bin_bytes", bytes_of);
    write_bins(out, direction, "bin_lost", lost_of);
    write_bins(out, direction, "bin_overflowed", overflowed_of);
    write_bins(out, direction, "bin_queue_max", queue_max_of);
    write_bins(out, direction, "bin_queue_mean", queue_mean_of);
    (void)fputc('}', out);
}

void link_report(FILE *out, const pump_t pumps[2], double cpu_s, double seconds, bool hurried)
{
    (void)fprintf(
        out, "{\"event\":\"link\",\"seconds\":%.3f,\"cpu_s\":%.3f,\"realtime\":%s,\"begun_s\":%.6f,\"seed\":%" PRIu64,
        seconds, cpu_s, hurried ? "true" : "false", (double)pumps[0].direction->begun_at / 1e9,
        pumps[0].direction->options.seed);
    (void)fputs(",\"forth\":", out);
    write_direction(out, &pumps[0]);
    (void)fputs(",\"back\":", out);
    write_direction(out, &pumps[1]);
    (void)fputs("}\n", out);
    (void)fflush(out);
}
