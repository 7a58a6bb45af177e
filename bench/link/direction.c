#include "direction.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t SECOND = 1000000000, BIN = DIRECTION_BIN_MS * 1000000ull;

/* ---- a ring of packets: each in one piece behind a head; a head without bytes says: go on at the beginning */

typedef struct packet_head {
    uint64_t due_at;
    uint32_t len, reserved;
} packet_head_t;

static size_t taken_by(size_t len) { return sizeof(packet_head_t) + (len + 7) / 8 * 8; }

static bool ring_begin(packet_ring_t *ring, size_t capacity)
{
    *ring = (packet_ring_t){.capacity = (capacity + 7) / 8 * 8};
    ring->bytes = malloc(ring->capacity);
    return ring->bytes != NULL;
}

static packet_head_t head_at(const packet_ring_t *ring, size_t position)
{
    packet_head_t head;
    memcpy(&head, ring->bytes + position, sizeof head);
    return head;
}

static bool ring_put(packet_ring_t *ring, const uint8_t *packet, size_t len, uint64_t due_at)
{
    const size_t wanted = taken_by(len);
    size_t at = ring->tail;
    /* One byte at least stays free, so that full is not empty; a head must fit in behind, to say where to go on. */
    if (at >= ring->head && ring->capacity - at < wanted + sizeof(packet_head_t)) {
        if (wanted >= ring->head) return false;
        const packet_head_t wrap = {.len = 0};
        memcpy(ring->bytes + at, &wrap, sizeof wrap);
        at = 0;
    } else if (at < ring->head && ring->head - at <= wanted) {
        return false;
    }
    const packet_head_t head = {.due_at = due_at, .len = (uint32_t)len};
    memcpy(ring->bytes + at, &head, sizeof head);
    memcpy(ring->bytes + at + sizeof head, packet, len);
    ring->tail = at + wanted;
    return true;
}

static uint64_t ring_due(const packet_ring_t *ring)
{
    if (ring->head == ring->tail) return UINT64_MAX;
    const packet_head_t head = head_at(ring, ring->head);
    return head.len > 0 ? head.due_at : head_at(ring, 0).due_at;
}

static const uint8_t *ring_take(packet_ring_t *ring, size_t *len)
{
    if (head_at(ring, ring->head).len == 0) ring->head = 0;
    const size_t at = ring->head;
    *len = head_at(ring, at).len;
    ring->head += taken_by(*len);
    return ring->bytes + at + sizeof(packet_head_t);
}

/* ---- the direction */

/* For packets of any size from an acknowledgement's on, of which a head is almost a third. */
static size_t ring_room(const direction_options_t *options)
{
    const size_t for_small = 2, without_bottleneck = 64 << 20, least = 1 << 20;
    if (options->rate == 0) return without_bottleneck;
    const double seconds = (double)(options->delay + options->late_by) / (double)SECOND;
    return for_small * (options->queue_len + (size_t)(seconds * (double)options->rate)) + least;
}

bool direction_begin(direction_t *direction, const direction_options_t *options, uint64_t now)
{
    *direction = (direction_t){.options = *options, .begun_at = now, .free_at = now};
    direction->losses = (losses_t){.rate = options->loss, .burst = options->burst};
    chance_begin(&direction->chance, options->seed, options->stream);
    direction->bins = calloc(DIRECTION_BINS_MAX, sizeof *direction->bins);
    const size_t room = ring_room(options);
    if (ring_begin(&direction->in_order, room) && direction->bins != NULL &&
        (options->reorder <= 0 || ring_begin(&direction->late, room))) {
        return true;
    }
    direction_end(direction);
    return false;
}

void direction_end(direction_t *direction)
{
    free(direction->bins);
    free(direction->in_order.bytes);
    free(direction->late.bytes);
    *direction = (direction_t){.bins = NULL};
}

/* What comes after the last bin falls into it. */
static direction_bin_t *bin_at(direction_t *direction, uint64_t at)
{
    uint64_t i = (at - direction->begun_at) / BIN;
    if (i >= DIRECTION_BINS_MAX) i = DIRECTION_BINS_MAX - 1;
    if (direction->bins_n <= i) direction->bins_n = (size_t)i + 1;
    return &direction->bins[i];
}

static size_t waiting(const direction_t *direction, uint64_t now)
{
    if (direction->free_at <= now) return 0;
    return (size_t)((double)(direction->free_at - now) * (double)direction->options.rate / (double)SECOND + 0.5);
}

/* The bottleneck is taken for these bytes more: until when? */
static uint64_t serialise(direction_t *direction, size_t len, uint64_t now)
{
    if (direction->options.rate == 0) return now;
    if (direction->free_at < now) {
        direction->free_at = now;
        direction->remainder = 0;
    }
    const uint64_t time = len * SECOND + direction->remainder;
    direction->remainder = time % direction->options.rate;
    return direction->free_at += time / direction->options.rate;
}

void direction_offer(direction_t *direction, const uint8_t *packet, size_t len, uint64_t now)
{
    direction_counts_t *counts = &direction->counts;
    const size_t queued = waiting(direction, now);
    direction_bin_t *bin = bin_at(direction, now);
    counts->packets++;
    counts->bytes += len;
    if (counts->largest < len) counts->largest = len;
    bin->arrivals++;
    bin->queue_sum += queued;
    if (direction->options.rate > 0 && queued + len > direction->options.queue_len) {
        counts->overflowed++;
        bin->overflowed++;
        return;
    }
    if (bin->queue_max < queued + len) bin->queue_max = (uint32_t)(queued + len);
    if (counts->queue_max < queued + len) counts->queue_max = queued + len;
    const uint64_t out_at = serialise(direction, len, now);
    bin = bin_at(direction, out_at);
    bin->packets++;
    bin->bytes += (uint32_t)len;
    const bool lost = losses_take(&direction->losses, &direction->chance);
    const bool late = chance_happens(&direction->chance, direction->options.reorder);
    if (lost) {
        counts->lost++;
        bin->lost++;
        return;
    }
    counts->late += late ? 1 : 0;
    const uint64_t due_at = out_at + direction->options.delay + (late ? direction->options.late_by : 0);
    if (!ring_put(late ? &direction->late : &direction->in_order, packet, len, due_at)) counts->no_room++;
}

uint64_t direction_due(const direction_t *direction)
{
    const uint64_t in_order = ring_due(&direction->in_order), late = ring_due(&direction->late);
    return in_order < late ? in_order : late;
}

const uint8_t *direction_take(direction_t *direction, size_t *len)
{
    const bool late = ring_due(&direction->late) < ring_due(&direction->in_order);
    const uint8_t *packet = ring_take(late ? &direction->late : &direction->in_order, len);
    direction->counts.taken++;
    direction->counts.taken_bytes += *len;
    return packet;
}
