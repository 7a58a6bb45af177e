/* Trains over real sockets on loopback, in each way that they can go, with a system that refuses some of them: the
 * calls below stand before those of the C library. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver/udp.h"
#include "support/test_env.h"

/* ---- the system ---- */

typedef struct fault {
    int error;         /* 0: none */
    unsigned after, n; /* from which call on, and how many; what is sent in between counts as the calls of its kind */
    unsigned calls;
    unsigned most; /* sendmmsg takes no more messages than this; 0: all */
} fault_t;

static struct {
    fault_t sendmsg, sendmmsg, recvmmsg;
    unsigned recvmsg_calls;
} system_calls;

static bool fails(fault_t *fault)
{
    const unsigned call = fault->calls++;
    if (fault->error == 0 || call < fault->after || call - fault->after >= fault->n) return false;
    errno = fault->error;
    return true;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    return fails(&system_calls.sendmsg) ? -1 : (ssize_t)syscall(SYS_sendmsg, fd, message, flags);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags)
{
    const unsigned most = system_calls.sendmmsg.most;
    if (fails(&system_calls.sendmmsg)) return -1;
    return (int)syscall(SYS_sendmmsg, fd, messages, most != 0 && n > most ? most : n, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    system_calls.recvmsg_calls++;
    return (ssize_t)syscall(SYS_recvmsg, fd, message, flags);
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned int n, int flags, struct timespec *tmo)
{
    if (fails(&system_calls.recvmmsg)) return -1;
    return (int)syscall(SYS_recvmmsg, fd, messages, n, flags, tmo);
}

/* ---- two sockets ---- */

enum { BYTES_MAX = 1 << 18, SEGMENT = 1200 };

typedef struct fixture {
    test_env_t test;
    minke_udp_t a, b; /* a sends to b */
    minke_udp_inbox_t inbox;
    minke_path_t path; /* from a to b */
    uint8_t sent[BYTES_MAX], received[BYTES_MAX];
    size_t sent_n, received_n, trains_n, reads_n;
    minke_routed_train_t last;
} fixture_t;

static minke_address_t loopback(uint8_t family)
{
    minke_address_t address = {.family = family, .ip = {127, 0, 0, 1}};
    if (family == MINKE_FAMILY_IP6) address = (minke_address_t){.family = family, .ip = {[15] = 1}};
    return address;
}

static fixture_t *begin_with_room(minke_udp_batching_t out, minke_udp_batching_t in, uint8_t family, size_t room)
{
    static fixture_t f;
    const minke_address_t address = loopback(family);
    memset(&f, 0, sizeof f);
    memset(&system_calls, 0, sizeof system_calls);
    test_env_init(&f.test, 1);
    assert_int_equal(minke__udp_open(&f.a, &address, out), MINKE_OK);
    assert_int_equal(minke__udp_open(&f.b, &address, in), MINKE_OK);
    assert_int_equal(minke__udp_inbox_init(&f.inbox, &f.test.env, room), MINKE_OK);
    f.path = (minke_path_t){.local = f.a.bound, .remote = f.b.bound};
    for (size_t i = 0; i < sizeof f.sent; i++) f.sent[i] = (uint8_t)(i * 2654435761U >> 13);
    return &f;
}

static fixture_t *begin(minke_udp_batching_t out, minke_udp_batching_t in)
{
    return begin_with_room(out, in, MINKE_FAMILY_IP4, SIZE_MAX);
}

static void end(fixture_t *f)
{
    minke__udp_inbox_free(&f->inbox, &f->test.env);
    assert_int_equal(f->test.blocks, 0);
    minke__udp_close(&f->a);
    minke__udp_close(&f->b);
}

/* The next bytes of what is sent, as a train. */
static minke_routed_train_t next_train(fixture_t *f, size_t len, size_t segment_len)
{
    const minke_routed_train_t train = {.train = {f->sent + f->sent_n, len, segment_len}, .path = f->path};
    assert_true(f->sent_n + len <= sizeof f->sent);
    f->sent_n += len;
    return train;
}

static void send_train(fixture_t *f, size_t len, size_t segment_len)
{
    minke_routed_train_t train = next_train(f, len, segment_len);
    assert_int_equal(minke__udp_send(&f->a, &train, 1), 1);
    assert_int_equal(train.no_way, 0);
}

static void take(fixture_t *f, const minke_routed_train_t *arrived)
{
    assert_memory_equal(&arrived->path.remote, &f->a.bound, sizeof f->a.bound);
    assert_memory_equal(&arrived->path.local, &f->b.bound, sizeof f->b.bound);
    assert_true(arrived->train.segment_len > 0 && arrived->train.segment_len <= arrived->train.len);
    assert_true(f->received_n + arrived->train.len <= sizeof f->received);
    memcpy(f->received + f->received_n, arrived->train.data, arrived->train.len);
    f->received_n += arrived->train.len;
    f->trains_n++;
    f->last = *arrived;
}

/* Loopback delivers before the send returns. */
static void receive_all(fixture_t *f)
{
    bool drained = false;
    f->trains_n = f->reads_n = 0;
    while (!drained) {
        const int result = minke__udp_recv(&f->b, &f->inbox, &drained);
        if (result == MINKE_ERROR_AGAIN) break;
        assert_int_equal(result, MINKE_OK);
        f->reads_n++;
        for (size_t i = 0; i < f->inbox.trains_n; i++) take(f, &f->inbox.trains[i]);
    }
    assert_int_equal(f->received_n, f->sent_n);
    assert_memory_equal(f->received, f->sent, f->sent_n);
}

static const minke_udp_batching_t ways[] = {MINKE_UDP_AUTOMATIC, MINKE_UDP_MMSG, MINKE_UDP_SINGLE};
enum { WAYS = sizeof ways / sizeof ways[0] };

static bool has_ip6(void)
{
    const minke_address_t address = loopback(MINKE_FAMILY_IP6);
    minke_udp_t udp;
    if (minke__udp_open(&udp, &address, MINKE_UDP_AUTOMATIC) < 0) return false;
    minke__udp_close(&udp);
    return true;
}

/* ---- */

/* Long ones, short ones, a shorter last datagram, single ones; in bursts, and each read at once. */
static void every_way_out_meets_every_way_in(void **state)
{
    static const size_t lens[] = {1,           SEGMENT,     SEGMENT + 1, 54 * SEGMENT, 2 * SEGMENT,
                                  3 * SEGMENT, SEGMENT - 1, 64 * 100,    63 * 100 + 7, 2000};
    (void)state;
    for (size_t way = 0; way < (size_t)2 * WAYS * WAYS; way++) {
        const uint8_t family = way % 2 == 0 ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6;
        if (family == MINKE_FAMILY_IP6 && !has_ip6()) continue;
        for (size_t room = 0; room < 2; room++) {
            fixture_t *f = begin_with_room(ways[way / 2 % WAYS], ways[way / 2 / WAYS], family, room * SIZE_MAX);
            for (int round = 0; round < 2; round++) {
                for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
                    send_train(f, lens[i], i >= 7 && i < 9 ? 100 : lens[i] < SEGMENT ? lens[i] : SEGMENT);
                    if (round == 0) receive_all(f);
                }
                receive_all(f);
            }
            end(f);
        }
    }
}

static void a_train_stays_a_train(void **state)
{
    (void)state;
    fixture_t *f = begin(MINKE_UDP_AUTOMATIC, MINKE_UDP_AUTOMATIC);
    send_train(f, 54 * SEGMENT, SEGMENT);
    receive_all(f);
    if (!f->b.joins || !f->a.segments) print_message("this system cuts or joins no trains: not tested\n");
    else assert_int_equal(f->trains_n, 1);
    end(f);
}

/* A train of 48 is three sends at most two of which are of many messages, and comes out of one read. */
static void datagrams_of_a_batch_are_joined(void **state)
{
    (void)state;
    fixture_t *f = begin(MINKE_UDP_MMSG, MINKE_UDP_MMSG);
    send_train(f, 47 * SEGMENT + 5, SEGMENT);
    assert_int_equal(system_calls.sendmmsg.calls, 1);
    assert_int_equal(system_calls.sendmsg.calls, 0);
    receive_all(f);
    assert_int_equal(f->reads_n, 1);
    assert_int_equal(f->trains_n, 1);
    assert_int_equal(f->last.train.segment_len, SEGMENT);
    assert_int_equal(f->last.train.len, 47 * SEGMENT + 5);
    assert_int_equal(system_calls.recvmmsg.calls, 1); /* fewer than asked for: nobody asks again */
    /* What is shorter ends a train, what is longer begins one, and so does what is as long behind a shorter one. */
    static const size_t lens[] = {100, 100, 80, 80, 100, 100, 120};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) send_train(f, lens[i], lens[i]);
    receive_all(f);
    assert_int_equal(f->trains_n, 4);
    end(f);
}

/* Lone datagrams are asked for together, those that may be trains too. */
static void lone_datagrams_are_read_together(void **state)
{
    (void)state;
    fixture_t *f = begin(MINKE_UDP_SINGLE, MINKE_UDP_AUTOMATIC);
    for (int i = 0; i < 6; i++) send_train(f, SEGMENT, SEGMENT);
    receive_all(f);
    assert_int_equal(f->reads_n, 1);
    assert_int_equal(f->trains_n, 1);
    assert_int_equal(f->last.train.len, 6 * SEGMENT);
    f->a.segments = true;
    send_train(f, 20 * SEGMENT, SEGMENT);
    receive_all(f);
    if (!f->b.joins) {
        print_message("this system joins no trains: not tested\n");
        end(f);
        return;
    }
    assert_int_equal(system_calls.recvmsg_calls, 0); /* the train came by the call that lone ones are read with */
    send_train(f, 20 * SEGMENT, SEGMENT);
    receive_all(f);
    assert_int_equal(system_calls.recvmsg_calls, 2); /* one, and that there are no more */
    for (int i = 0; i < 100; i++) {
        send_train(f, 5, 5);
        receive_all(f);
    }
    assert_true(system_calls.recvmsg_calls < 40); /* no more trains are expected */
    end(f);
}

static void senders_are_told_apart(void **state)
{
    (void)state;
    fixture_t *f = begin(MINKE_UDP_MMSG, MINKE_UDP_MMSG);
    const minke_address_t address = loopback(MINKE_FAMILY_IP4);
    minke_udp_t other;
    bool drained;
    assert_int_equal(minke__udp_open(&other, &address, MINKE_UDP_MMSG), MINKE_OK);
    for (int i = 0; i < 4; i++) {
        minke_routed_train_t train = next_train(f, 2 * SEGMENT, SEGMENT);
        assert_int_equal(minke__udp_send(i % 2 == 0 ? &f->a : &other, &train, 1), 1);
    }
    assert_int_equal(minke__udp_recv(&f->b, &f->inbox, &drained), MINKE_OK);
    assert_int_equal(f->inbox.trains_n, 4);
    for (size_t i = 0; i < 4; i++) {
        const minke_routed_train_t *arrived = &f->inbox.trains[i];
        assert_int_equal(arrived->path.remote.port, (i % 2 == 0 ? &f->a : &other)->bound.port);
        assert_int_equal(arrived->train.len, 2 * SEGMENT);
        assert_memory_equal(arrived->train.data, f->sent + i * 2 * SEGMENT, 2 * SEGMENT);
    }
    minke__udp_close(&other);
    end(f);
}

/* Forty small datagrams, each to whomever it may be, are one call. */
static void trains_of_many_leave_together(void **state)
{
    (void)state;
    for (size_t way = 0; way < WAYS; way++) {
        fixture_t *f = begin(ways[way], ways[way]);
        minke_routed_train_t trains[40];
        for (size_t i = 0; i < 40; i++) trains[i] = next_train(f, i % 5 == 0 ? 3 * SEGMENT : 50 + i, SEGMENT);
        for (size_t i = 0; i < 40; i++) {
            if (trains[i].train.len < SEGMENT) trains[i].train.segment_len = trains[i].train.len;
        }
        assert_int_equal(minke__udp_send(&f->a, trains, 40), 40);
        assert_int_equal(system_calls.sendmmsg.calls, ways[way] == MINKE_UDP_SINGLE ? 0 : 1);
        assert_int_equal(system_calls.sendmsg.calls, ways[way] == MINKE_UDP_SINGLE ? 32 + 8 * 3 : 0);
        receive_all(f);
        end(f);
    }
}

/* A call takes a part, then there is no room, in the middle of a train: what was sent is not sent again. */
static void what_has_no_room_is_kept(void **state)
{
    (void)state;
    fixture_t *f = begin(MINKE_UDP_MMSG, MINKE_UDP_MMSG);
    minke_routed_train_t trains[3];
    for (size_t i = 0; i < 3; i++) trains[i] = next_train(f, 10 * SEGMENT, SEGMENT);
    const uint8_t *second = trains[1].train.data;
    system_calls.sendmmsg = (fault_t){.error = EAGAIN, .after = 2, .n = 1, .most = 7};
    assert_int_equal(minke__udp_send(&f->a, trains, 3), 1);
    assert_ptr_equal(trains[1].train.data, second + 4 * SEGMENT);
    assert_int_equal(trains[1].train.len, 6 * SEGMENT);
    assert_int_equal(minke__udp_send(&f->a, trains + 1, 2), 2);
    receive_all(f);
    end(f);
}

static void a_send_that_fails_loses_one_message(void **state)
{
    (void)state;
    fixture_t *f = begin(MINKE_UDP_MMSG, MINKE_UDP_MMSG);
    minke_routed_train_t trains[2];
    for (size_t i = 0; i < 2; i++) trains[i] = next_train(f, 2 * SEGMENT, SEGMENT);
    trains[0].path.remote = (minke_address_t){.family = MINKE_FAMILY_IP4, .ip = {255, 255, 255, 255}, .port = 9};
    assert_int_equal(minke__udp_send(&f->a, trains, 2), 2);
    assert_int_not_equal(trains[0].no_way, 0);
    assert_int_equal(trains[1].no_way, 0);
    memmove(f->sent, f->sent + 2 * SEGMENT, 2 * SEGMENT);
    f->sent_n = 2 * SEGMENT;
    receive_all(f);
    end(f);
}

/* A socket without checksums cannot cut (EIO or EINVAL, by version). Once may be the path's fault; eight times in a row
 * are the system's. */
static void a_system_that_cuts_no_trains_gets_batches(void **state)
{
    const int on = 1, off = 0;
    (void)state;
    fixture_t *f = begin(MINKE_UDP_AUTOMATIC, MINKE_UDP_AUTOMATIC);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(setsockopt(f->a.fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
        send_train(f, 10 * SEGMENT, SEGMENT);
        assert_int_equal(setsockopt(f->a.fd, SOL_SOCKET, SO_NO_CHECK, &off, sizeof off), 0);
        if (i % 3 == 2) send_train(f, 10 * SEGMENT, SEGMENT);
        receive_all(f);
        assert_true(f->a.segments);
    }
    assert_int_equal(system_calls.sendmmsg.calls, 7);
    assert_int_equal(setsockopt(f->a.fd, SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    for (int i = 0; i < 8; i++) send_train(f, 2 * SEGMENT, SEGMENT);
    receive_all(f);
    assert_false(f->a.segments);
    assert_true(f->a.batches);
    const unsigned singles = system_calls.sendmsg.calls;
    send_train(f, 10 * SEGMENT + 1, SEGMENT);
    receive_all(f);
    assert_int_equal(system_calls.sendmsg.calls, singles);
    end(f);
}

/* Where only one of several trains in a call is refused, the others are not cut up for it. */
static void one_refused_train_goes_alone(void **state)
{
    (void)state;
    fixture_t *f = begin(MINKE_UDP_AUTOMATIC, MINKE_UDP_AUTOMATIC);
    minke_routed_train_t trains[3];
    trains[0] = next_train(f, 3 * SEGMENT, SEGMENT);
    trains[1] = next_train(f, 500 * 20, 20); /* more segments than any kernel cuts */
    trains[2] = next_train(f, 3 * SEGMENT, SEGMENT);
    assert_int_equal(minke__udp_send(&f->a, trains, 3), 3);
    receive_all(f);
    assert_true(f->a.segments);
    end(f);
}

static void a_system_without_batches_gets_one_by_one(void **state)
{
    (void)state;
    for (int segmented = 0; segmented < 2; segmented++) {
        fixture_t *f = begin(segmented != 0 ? MINKE_UDP_AUTOMATIC : MINKE_UDP_MMSG, MINKE_UDP_AUTOMATIC);
        minke_routed_train_t trains[2];
        for (size_t i = 0; i < 2; i++) trains[i] = next_train(f, 3 * SEGMENT + i, SEGMENT);
        system_calls.sendmmsg = system_calls.recvmmsg = (fault_t){.error = ENOSYS, .n = 1000};
        assert_int_equal(minke__udp_send(&f->a, trains, 2), 2);
        receive_all(f);
        assert_false(f->a.batches || f->b.batches);
        assert_int_equal(system_calls.sendmmsg.calls, 1);
        assert_int_equal(system_calls.recvmmsg.calls, 1);
        end(f);
    }
}

static void reads_that_fail(void **state)
{
    (void)state;
    for (size_t way = 0; way < WAYS; way++) {
        fixture_t *f = begin(ways[way], ways[way]);
        bool drained;
        assert_int_equal(minke__udp_recv(&f->b, &f->inbox, &drained), MINKE_ERROR_AGAIN);
        assert_int_equal(f->inbox.trains_n, 0);
        minke__udp_close(&f->b);
        assert_int_equal(minke__udp_recv(&f->b, &f->inbox, &drained), MINKE_ERROR_SYSTEM);
        end(f);
    }
}

/* A datagram of no bytes is nobody's, and one that is too large for its place is lost, not cut. */
static void odd_datagrams(void **state)
{
    (void)state;
    fixture_t *f = begin(MINKE_UDP_MMSG, MINKE_UDP_MMSG);
    minke_routed_train_t large = {.train = {f->sent, 30000, 30000}, .path = f->path};
    send_train(f, 100, 100);
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(f->b.bound.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(sendto(f->a.fd, f->sent, 0, 0, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(minke__udp_send(&f->a, &large, 1), 1);
    send_train(f, 100, 100);
    receive_all(f);
    assert_int_equal(f->trains_n, 1);
    end(f);
}

static void an_inbox_without_memory(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 2; i++) {
        test_env_t test;
        minke_udp_inbox_t inbox;
        test_env_init(&test, 1);
        test.fail_at = i;
        assert_int_equal(minke__udp_inbox_init(&inbox, &test.env, SIZE_MAX), MINKE_ERROR_NO_MEMORY);
        assert_int_equal(test.blocks, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_out_meets_every_way_in),
        cmocka_unit_test(a_train_stays_a_train),
        cmocka_unit_test(datagrams_of_a_batch_are_joined),
        cmocka_unit_test(lone_datagrams_are_read_together),
        cmocka_unit_test(senders_are_told_apart),
        cmocka_unit_test(trains_of_many_leave_together),
        cmocka_unit_test(what_has_no_room_is_kept),
        cmocka_unit_test(a_send_that_fails_loses_one_message),
        cmocka_unit_test(a_system_that_cuts_no_trains_gets_batches),
        cmocka_unit_test(one_refused_train_goes_alone),
        cmocka_unit_test(a_system_without_batches_gets_one_by_one),
        cmocka_unit_test(reads_that_fail),
        cmocka_unit_test(odd_datagrams),
        cmocka_unit_test(an_inbox_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
