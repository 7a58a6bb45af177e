#include "pump.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* So many packets of one device before the other has its turn. */
enum { TURN = 64 };

static const uint64_t MILLISECOND = 1000000, SECOND = 1000000000;

uint64_t pump_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

bool pump_hurry(void)
{
    (void)prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul); /* the usual 50 us would be half a packet at 100 Mbit/s */
    const struct sched_param first = {.sched_priority = 1};
    return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) == 0;
}

/* The time is taken for each packet: what has come in one burst has come at one time, but what came while we were
 * handing others over has not. */
static void take_in(pump_t *pump)
{
    uint8_t packet[DIRECTION_MTU];
    for (unsigned i = 0; i < TURN; i++) {
        const ssize_t n = read(pump->from->tun_fd, packet, sizeof packet);
        if (n <= 0) return;
        direction_offer(pump->direction, packet, (size_t)n, pump_now());
    }
}

static void hand_over(pump_t *pump)
{
    uint64_t now = pump_now();
    for (unsigned i = 0; i < TURN; i++) {
        const uint64_t due_at = direction_due(pump->direction);
        if (due_at > now) now = pump_now();
        if (due_at > now) return;
        size_t len;
        const uint8_t *packet = direction_take(pump->direction, &len);
        const uint64_t late = now - due_at;
        pump->lateness.sum += late;
        if (pump->lateness.max < late) pump->lateness.max = late;
        if (late > MILLISECOND) pump->lateness.over_ms++;
        if (write(pump->to->tun_fd, packet, len) != (ssize_t)len) pump->lateness.refused++;
    }
}

static struct timespec until(uint64_t at)
{
    const uint64_t now = pump_now(), span = at > now ? at - now : 0;
    return (struct timespec){.tv_sec = (time_t)(span / SECOND), .tv_nsec = (long)(span % SECOND)};
}

/* False: interrupted by something that a caller must look at. */
static bool pump_turn(pump_t pumps[2], struct pollfd fds[3], uint64_t wake_at)
{
    for (unsigned i = 0; i < 2; i++) {
        take_in(&pumps[i]);
        hand_over(&pumps[i]);
        const uint64_t due_at = direction_due(pumps[i].direction);
        if (due_at < wake_at) wake_at = due_at;
    }
    const struct timespec timeout = until(wake_at);
    return ppoll(fds, 3, &timeout, NULL) >= 0 || errno == EINTR;
}

/*
 * A sleep ends some 10 us after its time: waiting busily for the rest would cost a core and gain less than the
 * receiver's own wake-up takes. In a virtual machine it is the sleeps that cost, ours and the receiver's, 10 us and
 * more each: so there is a grain, as cards have one that do not interrupt for every packet.
 */
bool pump_run(pump_t pumps[2], pump_rest_t *rest, int watched_fd, uint64_t end_at)
{
    struct pollfd fds[3] = {{.fd = watched_fd, .events = POLLIN},
                            {.fd = pumps[0].from->tun_fd, .events = POLLIN},
                            {.fd = pumps[1].from->tun_fd, .events = POLLIN}};
    for (;;) {
        const uint64_t rested_at = rest->at + rest->grain;
        const struct timespec timeout = until(rested_at < end_at ? rested_at : end_at);
        if (rest->grain > 0 && ppoll(fds, 1, &timeout, NULL) < 0 && errno != EINTR) return false;
        rest->at = pump_now();
        if (rest->at >= end_at || !pump_turn(pumps, fds, end_at)) return false;
        if (fds[0].revents != 0) return true;
    }
}
