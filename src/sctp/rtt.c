#include "sctp/rtt.h"

enum {
    TIMEOUT_INITIAL = 1000000, /* RFC 9260 16 */
    TIMEOUT_MIN = 200000,      /* the I bit asks for immediate SACKs, so delayed ones need not be waited out */
    TIMEOUT_MAX = 10000000,
    BACKOFF_MAX = 3000000, /* dcSCTP's cap: a lost retransmission must not silence a stream for longer */
    VARIATION_MIN = 50000, /* what RTTVAR * 4 counts for at least: a busy peer, its timer granularity */
    PROBE_SLACK = 20000    /* the delayed SACK of libdatachannel */
};

void minke__rtt_sample(minke_rtt_t *rtt, minke_time_t sample)
{
    if (sample == 0) sample = 1;
    rtt->latest = sample;
    if (rtt->minimum == 0 || sample < rtt->minimum) rtt->minimum = sample;
    if (rtt->smoothed == 0) {
        rtt->smoothed = sample;
        rtt->variation = sample / 2;
        return;
    }
    const minke_time_t distance = sample > rtt->smoothed ? sample - rtt->smoothed : rtt->smoothed - sample;
    rtt->variation = (3 * rtt->variation + distance) / 4;
    rtt->smoothed = (7 * rtt->smoothed + sample) / 8;
    if (rtt->smoothed == 0) rtt->smoothed = 1;
}

minke_time_t minke__rtt_base_timeout(const minke_rtt_t *rtt)
{
    if (rtt->smoothed == 0) return TIMEOUT_INITIAL;
    const minke_time_t margin = 4 * rtt->variation > VARIATION_MIN ? 4 * rtt->variation : VARIATION_MIN;
    const minke_time_t timeout = rtt->smoothed + margin;
    if (timeout < TIMEOUT_MIN) return TIMEOUT_MIN;
    return timeout < TIMEOUT_MAX ? timeout : TIMEOUT_MAX;
}

minke_time_t minke__rtt_timeout(const minke_rtt_t *rtt)
{
    const minke_time_t base = minke__rtt_base_timeout(rtt);
    const minke_time_t cap = base > BACKOFF_MAX ? base : BACKOFF_MAX;
    const minke_time_t timeout = rtt->backoff < 8 ? base << rtt->backoff : cap;
    return timeout < cap ? timeout : cap;
}

minke_time_t minke__rtt_probe_after(const minke_rtt_t *rtt)
{
    if (rtt->smoothed == 0) return 0;
    const minke_time_t margin = 4 * rtt->variation > rtt->smoothed ? 4 * rtt->variation : rtt->smoothed;
    return rtt->smoothed + margin + PROBE_SLACK;
}
