#include "textbook.h"

#include <math.h>
#include <stdlib.h>

enum { DUPLICATES = 3, TICK = 1000000 };

static const double cubic_c = 0.4, beta = 0.7;

textbook_t *textbook_new(void)
{
    textbook_t *tcp = calloc(1, sizeof *tcp);
    if (tcp == NULL) abort();
    tcp->window = 10;
    tcp->threshold = 1e9;
    tcp->epoch_at = -1;
    tcp->round_minimum = 1e9;
    tcp->timeout_at = tcp->ack_at = MINKE_TIME_NEVER;
    return tcp;
}

void textbook_free(textbook_t *tcp) { free(tcp); }

static textbook_segment_t *at(textbook_t *tcp, uint64_t segment) { return &tcp->ring[segment % TEXTBOOK_RING]; }

static double timeout_of(const textbook_t *tcp)
{
    const double margin = fmax(4 * tcp->variation, 0.2);
    return (tcp->smoothed > 0 ? tcp->smoothed + margin : 1.0) * (1 << tcp->backoff);
}

/* ---- sender ---- */

static void fly(textbook_t *tcp, uint64_t segment, minke_time_t now)
{
    textbook_segment_t *s = at(tcp, segment);
    s->sent_at = now;
    s->order = ++tcp->orders;
    s->state = TEXTBOOK_FLYING;
    tcp->in_flight++;
    tcp->forced = false;
    if (tcp->timeout_at == MINKE_TIME_NEVER) tcp->timeout_at = now + (minke_time_t)(timeout_of(tcp) * TICK);
}

bool textbook_send(textbook_t *tcp, minke_time_t now, uint64_t *segment)
{
    if ((double)tcp->in_flight + 1 > tcp->window && !tcp->forced) return false;
    for (uint64_t i = tcp->base; tcp->lost_n > 0 && i < tcp->next; i++) {
        textbook_segment_t *s = at(tcp, i);
        if (s->state != TEXTBOOK_LOST) continue;
        tcp->lost_n--;
        tcp->retransmitted++;
        s->again = true;
        fly(tcp, i, now);
        *segment = i;
        return true;
    }
    if (tcp->next - tcp->base >= TEXTBOOK_RING / 2) return false;
    *at(tcp, tcp->next) = (textbook_segment_t){0};
    *segment = tcp->next++;
    fly(tcp, *segment, now);
    return true;
}

static void measure(textbook_t *tcp, double sample)
{
    if (tcp->minimum == 0 || sample < tcp->minimum) tcp->minimum = sample;
    if (sample < tcp->round_minimum) tcp->round_minimum = sample;
    tcp->round_samples++;
    if (tcp->smoothed == 0) {
        tcp->smoothed = sample;
        tcp->variation = sample / 2;
    }
    tcp->variation += (fabs(sample - tcp->smoothed) - tcp->variation) / 4;
    tcp->smoothed += (sample - tcp->smoothed) / 8;
}

static void reduce(textbook_t *tcp)
{
    tcp->prior = tcp->window;
    tcp->plateau = tcp->window < tcp->plateau ? tcp->window * (1 + beta) / 2 : tcp->window;
    tcp->threshold = fmax(tcp->window * beta, 2);
    tcp->epoch_at = -1;
}

static void grow(textbook_t *tcp, double acked, minke_time_t now)
{
    const double seconds = (double)now / TICK;
    if (tcp->window < tcp->threshold) {
        tcp->window += acked;
        const double slack = fmin(fmax(tcp->minimum / 8, 0.004), 0.016);
        if (tcp->round_samples >= 8 && tcp->round_minimum > tcp->minimum + slack) tcp->threshold = tcp->window;
        return;
    }
    if (tcp->epoch_at < 0) {
        tcp->epoch_at = seconds;
        tcp->reno = tcp->window;
        if (tcp->plateau < tcp->window) tcp->plateau = tcp->window;
        tcp->rise_after = cbrt((tcp->plateau - tcp->window) / cubic_c);
    }
    const double span = seconds - tcp->epoch_at + tcp->smoothed - tcp->rise_after;
    const double target = fmin(tcp->plateau + cubic_c * span * span * span, 1.5 * tcp->window);
    tcp->reno += (tcp->reno < tcp->prior ? 3 * (1 - beta) / (1 + beta) : 1) * acked / tcp->window;
    if (target > tcp->window) tcp->window += (target - tcp->window) / tcp->window * acked;
    if (tcp->window < tcp->reno) tcp->window = tcp->reno;
}

static void find_losses(textbook_t *tcp)
{
    bool found = false;
    for (uint64_t i = tcp->base; i < tcp->next; i++) {
        textbook_segment_t *s = at(tcp, i);
        if (s->order > tcp->newest_order && !s->again) break;
        if (s->state != TEXTBOOK_FLYING || s->order + DUPLICATES > tcp->newest_order) continue;
        s->state = TEXTBOOK_LOST;
        tcp->in_flight--;
        tcp->lost_n++;
        found = true;
    }
    if (!found || tcp->recovering) return;
    tcp->recovering = tcp->forced = true;
    tcp->recovery_end = tcp->next;
    tcp->losses++;
    reduce(tcp);
    tcp->window = tcp->threshold;
}

void textbook_acked(textbook_t *tcp, uint64_t ack, uint64_t received, minke_time_t now)
{
    unsigned n = 0;
    minke_time_t newest_at = 0;
    const bool was_full = tcp->in_flight + 1 >= tcp->window || tcp->window < tcp->threshold;
    for (uint64_t i = tcp->base; i < tcp->next; i++) {
        textbook_segment_t *s = at(tcp, i);
        if (s->state == TEXTBOOK_ACKED || s->told_by == 0 || s->told_by > ack) continue;
        if (s->state == TEXTBOOK_FLYING) tcp->in_flight--;
        else tcp->lost_n--;
        s->state = TEXTBOOK_ACKED;
        n++;
        if (s->order > tcp->newest_order) tcp->newest_order = s->order;
        if (!s->again && s->sent_at > newest_at) newest_at = s->sent_at;
    }
    if (received > tcp->base) tcp->base = received;
    if (n == 0) return;
    tcp->backoff = 0;
    if (newest_at != 0) measure(tcp, (double)(now - newest_at) / TICK);
    if (tcp->base >= tcp->round_end) {
        tcp->round_end = tcp->next;
        tcp->round_minimum = 1e9;
        tcp->round_samples = 0;
    }
    if (tcp->recovering && tcp->base >= tcp->recovery_end) tcp->recovering = false;
    else if (!tcp->recovering && was_full) grow(tcp, n, now);
    find_losses(tcp);
    const bool idle = tcp->base == tcp->next;
    tcp->timeout_at = idle ? MINKE_TIME_NEVER : now + (minke_time_t)(timeout_of(tcp) * TICK);
}

void textbook_timeout(textbook_t *tcp, minke_time_t now)
{
    tcp->timeouts++;
    if (tcp->backoff < 6) tcp->backoff++;
    reduce(tcp);
    tcp->window = 1;
    tcp->recovering = false;
    tcp->in_flight = 0;
    for (uint64_t i = tcp->base; i < tcp->next; i++) {
        textbook_segment_t *s = at(tcp, i);
        if (s->state == TEXTBOOK_FLYING) {
            s->state = TEXTBOOK_LOST;
            tcp->lost_n++;
        }
    }
    tcp->newest_order = tcp->orders;
    tcp->timeout_at = now + (minke_time_t)(timeout_of(tcp) * TICK);
}

/* ---- receiver ---- */

static uint64_t acknowledge(textbook_t *tcp)
{
    tcp->unacknowledged = 0;
    tcp->ack_at = MINKE_TIME_NEVER;
    return ++tcp->acks;
}

bool textbook_arrive(textbook_t *tcp, uint64_t segment, minke_time_t now, uint64_t *ack)
{
    bool at_once = segment != tcp->received || ++tcp->unacknowledged >= 2;
    textbook_segment_t *s = at(tcp, segment);
    if (segment >= tcp->received && !s->arrived) {
        s->arrived = true;
        s->told_by = tcp->acks + 1;
    }
    while (tcp->received < tcp->next && at(tcp, tcp->received)->arrived) tcp->received++;
    if (tcp->received < tcp->next && tcp->received != segment + 1) at_once = true;
    if (at_once) {
        *ack = acknowledge(tcp);
        return true;
    }
    if (tcp->ack_at == MINKE_TIME_NEVER) tcp->ack_at = now + 40000;
    return false;
}

uint64_t textbook_delayed_ack(textbook_t *tcp) { return acknowledge(tcp); }
