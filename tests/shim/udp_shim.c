/* A bad network on one machine: forwards UDP between real peers on loopback and impairs it on the way.
 *
 *   peer  <-->  [listen socket | up: delay, rate, loss ... | one upstream socket per peer]  <-->  target
 *
 * Every source address that sends to the listen socket gets an upstream socket of its own, so the target sees one
 * address per peer, as it would behind a NAT. Both directions are impaired alike and independently; each has its own
 * random sequence, so that one seed always drops the same numbered datagrams of a direction whatever the other does.
 * It talks to loopback addresses only, holds a bounded number of bytes and ends by itself after --seconds. */
#define _GNU_SOURCE /* ppoll */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    DATAGRAM_MAX = 65536,
    CLIENTS_MAX = 256,
    PENDING_BYTES_MAX = 64 << 20, /* what delay alone may keep in flight, both directions together */
    RECEIVE_BURST = 64,
    SOCKET_BUFFER = 4 << 20,
    SECONDS_DEFAULT = 600,
    SECONDS_MAX = 7200,
};

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} endpoint_t;

typedef enum { UP, DOWN, DIRECTIONS } direction_t; /* UP: from a peer to the target */

typedef struct {
    endpoint_t listen;
    endpoint_t to;
    uint64_t delay_us;
    uint64_t reorder_by_us;
    double loss; /* chances are 0..1 here, percent on the command line */
    double reorder;
    double duplicate;
    double burst;
    uint32_t burst_len;
    uint32_t loss_in_a_row; /* 0: unlimited */
    uint64_t spare_after_us;
    uint64_t rate_bits;   /* per second, 0: unlimited */
    uint64_t queue_bytes; /* drop-tail queue before the rate limit */
    uint32_t mtu;         /* largest UDP payload that passes */
    uint64_t seed;
    uint64_t rebind_after_us;
    uint64_t seconds;
} options_t;

typedef struct {
    uint64_t received, received_bytes, sent, lost, spared, over_mtu, over_queue, duplicated, reordered, failed;
} counts_t;

typedef struct {
    uint64_t random;
    uint64_t link_free_at; /* when the rate limit has put everything accepted so far on the wire */
    uint32_t burst_left;
    uint32_t lost_in_a_row;
    uint64_t passed_at; /* when the loss last let a datagram through */
    counts_t counts;
} lane_t;

typedef struct {
    endpoint_t peer;
    int fd;
} client_t;

typedef struct {
    uint64_t due;
    uint64_t order; /* keeps datagrams due at the same time in order */
    direction_t direction;
    uint32_t client;
    size_t len;
    uint8_t bytes[];
} datagram_t;

typedef struct {
    options_t options;
    int listen_fd;
    client_t clients[CLIENTS_MAX];
    uint32_t client_n;
    lane_t lanes[DIRECTIONS];
    datagram_t **heap;
    size_t heap_n, heap_room, pending_bytes;
    uint64_t next_order;
    uint64_t rebind_at; /* 0: never */
    uint64_t strangers; /* datagrams of peers beyond CLIENTS_MAX */
} shim_t;

static volatile sig_atomic_t stop_asked;

static void on_signal(int number)
{
    (void)number;
    stop_asked = 1;
}

static void die(const char *what)
{
    fprintf(stderr, "udp_shim: %s%s%s\n", what, errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    exit(3);
}

static uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* splitmix64: any seed is a good seed, also 0 and neighbours */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Draws once whatever the chance is: switching one impairment on does not reshuffle the others. */
static bool chance(lane_t *lane, double probability)
{
    return (double)(random_next(&lane->random) >> 11) * 0x1p-53 < probability;
}

static socklen_t endpoint_len(const endpoint_t *endpoint)
{
    return endpoint->any.sa_family == AF_INET ? sizeof(endpoint->v4) : sizeof(endpoint->v6);
}

static bool endpoint_equal(const endpoint_t *a, const endpoint_t *b)
{
    if (a->any.sa_family != b->any.sa_family) return false;
    if (a->any.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port && memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0;
}

static bool endpoint_is_loopback(const endpoint_t *endpoint)
{
    if (endpoint->any.sa_family == AF_INET) return ntohl(endpoint->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&endpoint->v6.sin6_addr);
}

static uint16_t endpoint_port(const endpoint_t *endpoint)
{
    return ntohs(endpoint->any.sa_family == AF_INET ? endpoint->v4.sin_port : endpoint->v6.sin6_port);
}

static int socket_bound_to(const endpoint_t *endpoint)
{
    const int fd = socket(endpoint->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int size = SOCKET_BUFFER;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (bind(fd, &endpoint->any, endpoint_len(endpoint)) == 0) return fd;
    close(fd);
    return -1;
}

/* ---- datagrams under way: a heap by due time ---- */

static bool is_before(const datagram_t *a, const datagram_t *b)
{
    return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void heap_push(shim_t *shim, datagram_t *datagram)
{
    if (shim->heap_n == shim->heap_room) {
        shim->heap_room = shim->heap_room != 0 ? shim->heap_room * 2 : 1024;
        shim->heap = realloc(shim->heap, shim->heap_room * sizeof *shim->heap);
        if (shim->heap == NULL) die("out of memory");
    }
    size_t at = shim->heap_n++;
    for (; at > 0 && is_before(datagram, shim->heap[(at - 1) / 2]); at = (at - 1) / 2)
        shim->heap[at] = shim->heap[(at - 1) / 2];
    shim->heap[at] = datagram;
    shim->pending_bytes += datagram->len;
}

static datagram_t *heap_pop(shim_t *shim)
{
    datagram_t *const top = shim->heap[0];
    datagram_t *const last = shim->heap[--shim->heap_n];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= shim->heap_n) break;
        if (child + 1 < shim->heap_n && is_before(shim->heap[child + 1], shim->heap[child])) child++;
        if (!is_before(shim->heap[child], last)) break;
        shim->heap[at] = shim->heap[child];
        at = child;
    }
    shim->heap[at] = last;
    shim->pending_bytes -= top->len;
    return top;
}

/* ---- impairments ---- */

static bool is_lost(const options_t *options, lane_t *lane)
{
    const bool random_loss = chance(lane, options->loss);
    const bool burst_begins = chance(lane, options->burst);
    if (lane->burst_left > 0) {
        lane->burst_left--;
        return true;
    }
    if (burst_begins && options->burst_len > 0) {
        lane->burst_left = options->burst_len - 1;
        return true;
    }
    if (!random_loss) {
        lane->lost_in_a_row = 0;
        return false;
    }
    if (options->loss_in_a_row != 0 && lane->lost_in_a_row >= options->loss_in_a_row) {
        lane->lost_in_a_row = 0;
        return false;
    }
    lane->lost_in_a_row++;
    return true;
}

/* Towards the target only. A peer whose retransmissions are lost as well backs off by itself (dcSCTP 0.4, 0.8, 1.6 s;
 * and it takes the late acknowledgement for a round trip, so that its next timeouts last up to 3 s): a stall that says
 * nothing about the target. Sparing what follows a silence keeps such stalls out of a test of the target. */
static bool is_spared(const options_t *options, lane_t *lane, direction_t direction, uint64_t now)
{
    if (direction != UP || options->spare_after_us == 0 || now - lane->passed_at < options->spare_after_us)
        return false;
    lane->counts.spared++;
    return true;
}

/* The time at which the rate limit lets the datagram go, or false when the queue before it is full. */
static bool take_turn(const options_t *options, lane_t *lane, size_t len, uint64_t now, uint64_t *leaves_at)
{
    *leaves_at = now;
    if (options->rate_bits == 0) return true;
    if (lane->link_free_at < now) lane->link_free_at = now;
    const uint64_t waiting_bytes = (lane->link_free_at - now) * options->rate_bits / 8000000u;
    if (waiting_bytes + len > options->queue_bytes) return false;
    const uint64_t wire_bits = (len + 28) * 8; /* IPv4 and UDP headers */
    lane->link_free_at += wire_bits * 1000000u / options->rate_bits;
    *leaves_at = lane->link_free_at;
    return true;
}

static void schedule(shim_t *shim, direction_t direction, uint32_t client, const uint8_t *bytes, size_t len,
                     uint64_t due)
{
    datagram_t *const datagram = malloc(sizeof *datagram + len);
    if (datagram == NULL) die("out of memory");
    *datagram =
        (datagram_t){.due = due, .order = shim->next_order++, .direction = direction, .client = client, .len = len};
    memcpy(datagram->bytes, bytes, len);
    heap_push(shim, datagram);
}

static void impair(shim_t *shim, direction_t direction, uint32_t client, const uint8_t *bytes, size_t len, uint64_t now)
{
    const options_t *const options = &shim->options;
    lane_t *const lane = &shim->lanes[direction];
    counts_t *const counts = &lane->counts;
    counts->received++;
    counts->received_bytes += len;
    const bool lost = is_lost(options, lane) && !is_spared(options, lane, direction, now);
    if (!lost) lane->passed_at = now;
    const bool reordered = chance(lane, options->reorder);
    const bool duplicated = chance(lane, options->duplicate);
    if (len > options->mtu) {
        counts->over_mtu++;
        return;
    }
    uint64_t leaves_at;
    if (shim->pending_bytes + len > PENDING_BYTES_MAX || !take_turn(options, lane, len, now, &leaves_at)) {
        counts->over_queue++;
        return;
    }
    if (lost) {
        counts->lost++;
        return;
    }
    uint64_t due = leaves_at + options->delay_us;
    if (reordered) {
        counts->reordered++;
        due += options->reorder_by_us;
    }
    schedule(shim, direction, client, bytes, len, due);
    if (!duplicated) return;
    counts->duplicated++;
    schedule(shim, direction, client, bytes, len, due);
}

static void deliver_due(shim_t *shim, uint64_t now)
{
    while (shim->heap_n > 0 && shim->heap[0]->due <= now) {
        datagram_t *const datagram = heap_pop(shim);
        const client_t *const client = &shim->clients[datagram->client];
        const ssize_t sent = datagram->direction == UP ? send(client->fd, datagram->bytes, datagram->len, 0)
                                                       : sendto(shim->listen_fd, datagram->bytes, datagram->len, 0,
                                                                &client->peer.any, endpoint_len(&client->peer));
        counts_t *const counts = &shim->lanes[datagram->direction].counts;
        if (sent < 0) counts->failed++;
        else counts->sent++;
        free(datagram);
    }
}

/* ---- sockets ---- */

static int upstream_open(const shim_t *shim)
{
    endpoint_t local = shim->options.to;
    if (local.any.sa_family == AF_INET) local.v4.sin_port = 0;
    else local.v6.sin6_port = 0;
    const int fd = socket_bound_to(&local);
    if (fd < 0) die("upstream socket");
    if (connect(fd, &shim->options.to.any, endpoint_len(&shim->options.to)) != 0) die("upstream connect");
    return fd;
}

static bool client_find(shim_t *shim, const endpoint_t *peer, uint32_t *index)
{
    for (uint32_t i = 0; i < shim->client_n; i++) {
        if (!endpoint_equal(&shim->clients[i].peer, peer)) continue;
        *index = i;
        return true;
    }
    if (shim->client_n == CLIENTS_MAX) return false;
    *index = shim->client_n++;
    shim->clients[*index] = (client_t){.peer = *peer, .fd = upstream_open(shim)};
    return true;
}

static void receive_from_peers(shim_t *shim, uint64_t now)
{
    static uint8_t bytes[DATAGRAM_MAX];
    for (int i = 0; i < RECEIVE_BURST; i++) {
        endpoint_t peer = {0};
        socklen_t peer_len = sizeof peer;
        const ssize_t n = recvfrom(shim->listen_fd, bytes, sizeof bytes, 0, &peer.any, &peer_len);
        if (n < 0) return;
        uint32_t client;
        if (client_find(shim, &peer, &client)) impair(shim, UP, client, bytes, (size_t)n, now);
        else shim->strangers++;
    }
}

static void receive_from_target(shim_t *shim, uint32_t client, uint64_t now)
{
    static uint8_t bytes[DATAGRAM_MAX];
    for (int i = 0; i < RECEIVE_BURST; i++) {
        const ssize_t n = recv(shim->clients[client].fd, bytes, sizeof bytes, 0);
        if (n < 0) return; /* also ECONNREFUSED: the target is gone, which the peers find out for themselves */
        impair(shim, DOWN, client, bytes, (size_t)n, now);
    }
}

/* What a NAT that forgot its mapping does: from now on the peers come from new ports. */
static void rebind(shim_t *shim)
{
    shim->rebind_at = 0;
    for (uint32_t i = 0; i < shim->client_n; i++) {
        const int fresh = upstream_open(shim);
        close(shim->clients[i].fd);
        shim->clients[i].fd = fresh;
    }
    printf("{\"event\":\"rebound\",\"clients\":%" PRIu32 "}\n", shim->client_n);
}

static void run(shim_t *shim, const sigset_t *waiting_mask)
{
    static struct pollfd polled[CLIENTS_MAX + 1];
    const uint64_t end = clock_us() + shim->options.seconds * 1000000u;
    while (!stop_asked) {
        uint64_t now = clock_us();
        deliver_due(shim, now);
        if (now >= end) return;
        if (shim->rebind_at != 0 && now >= shim->rebind_at) rebind(shim);
        uint64_t wake_at = end;
        if (shim->rebind_at != 0 && shim->rebind_at < wake_at) wake_at = shim->rebind_at;
        if (shim->heap_n > 0 && shim->heap[0]->due < wake_at) wake_at = shim->heap[0]->due;
        const uint64_t wait = wake_at > now ? wake_at - now : 0;
        const struct timespec timeout = {.tv_sec = (time_t)(wait / 1000000u),
                                         .tv_nsec = (long)(wait % 1000000u) * 1000};
        const uint32_t client_n = shim->client_n;
        polled[0] = (struct pollfd){.fd = shim->listen_fd, .events = POLLIN};
        for (uint32_t i = 0; i < client_n; i++)
            polled[i + 1] = (struct pollfd){.fd = shim->clients[i].fd, .events = POLLIN};
        if (ppoll(polled, client_n + 1, &timeout, waiting_mask) <= 0) continue;
        now = clock_us();
        if (polled[0].revents != 0) receive_from_peers(shim, now);
        for (uint32_t i = 0; i < client_n; i++)
            if (polled[i + 1].revents != 0) receive_from_target(shim, i, now);
    }
}

/* ---- command line ---- */

static void usage(const char *complaint)
{
    if (complaint != NULL) fprintf(stderr, "udp_shim: %s\n", complaint);
    fputs("usage: udp_shim --to 127.0.0.1:PORT [--listen 127.0.0.1:0] [options]\n"
          "  --delay MS          one way, both ways alike\n"
          "  --loss PCT          random loss in each direction\n"
          "  --loss-in-a-row N   at most N random losses one after the other per direction\n"
          "  --spare-after MS    towards the target nothing is lost after a silence of that long\n"
          "  --burst PCT:LEN     with this chance per datagram, LEN in a row are lost\n"
          "  --reorder PCT       held back by --reorder-by MS (5)\n"
          "  --duplicate PCT     delivered twice\n"
          "  --rate MBIT         link rate, with a drop-tail queue of --queue BYTES (65536) before it\n"
          "  --mtu N             larger UDP payloads are dropped\n"
          "  --rebind-after S    then every peer reaches the target from a new port\n"
          "  --seed N            the same seed drops the same numbered datagrams of a direction\n"
          "  --seconds N         ends by itself after that (600)\n"
          "Loopback addresses only. Prints one JSON line when it listens and one with its counts at the end.\n",
          stderr);
    exit(2);
}

static double parse_number(const char *text, double least, double most)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most)) usage(text);
    return value;
}

static endpoint_t parse_endpoint(const char *text)
{
    endpoint_t endpoint = {0};
    char host[64];
    const char *const colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host) usage(text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    const uint16_t port = htons((uint16_t)parse_number(colon + 1, 0, 65535));
    const size_t host_len = strlen(host);
    if (host_len > 2 && host[0] == '[' && host[host_len - 1] == ']') {
        host[host_len - 1] = '\0';
        endpoint.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
        if (inet_pton(AF_INET6, host + 1, &endpoint.v6.sin6_addr) != 1) usage(text);
    } else {
        endpoint.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
        if (inet_pton(AF_INET, host, &endpoint.v4.sin_addr) != 1) usage(text);
    }
    if (!endpoint_is_loopback(&endpoint)) usage("only loopback addresses are allowed");
    return endpoint;
}

static void parse_burst(options_t *options, const char *text)
{
    char percent[32];
    const char *const colon = strchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof percent) usage(text);
    memcpy(percent, text, (size_t)(colon - text));
    percent[colon - text] = '\0';
    options->burst = parse_number(percent, 0, 100) / 100;
    options->burst_len = (uint32_t)parse_number(colon + 1, 1, 100000);
}

static void parse_option(options_t *options, const char *name, const char *value)
{
    if (strcmp(name, "--listen") == 0) options->listen = parse_endpoint(value);
    else if (strcmp(name, "--to") == 0) options->to = parse_endpoint(value);
    else if (strcmp(name, "--delay") == 0) options->delay_us = (uint64_t)(parse_number(value, 0, 60000) * 1000);
    else if (strcmp(name, "--loss") == 0) options->loss = parse_number(value, 0, 100) / 100;
    else if (strcmp(name, "--loss-in-a-row") == 0) options->loss_in_a_row = (uint32_t)parse_number(value, 0, 1e6);
    else if (strcmp(name, "--spare-after") == 0)
        options->spare_after_us = (uint64_t)(parse_number(value, 0, 60000) * 1000);
    else if (strcmp(name, "--burst") == 0) parse_burst(options, value);
    else if (strcmp(name, "--reorder") == 0) options->reorder = parse_number(value, 0, 100) / 100;
    else if (strcmp(name, "--reorder-by") == 0)
        options->reorder_by_us = (uint64_t)(parse_number(value, 0, 60000) * 1000);
    else if (strcmp(name, "--duplicate") == 0) options->duplicate = parse_number(value, 0, 100) / 100;
    else if (strcmp(name, "--rate") == 0) options->rate_bits = (uint64_t)(parse_number(value, 0, 100000) * 1e6);
    else if (strcmp(name, "--queue") == 0) options->queue_bytes = (uint64_t)parse_number(value, 1500, 1e9);
    else if (strcmp(name, "--mtu") == 0) options->mtu = (uint32_t)parse_number(value, 1, DATAGRAM_MAX);
    else if (strcmp(name, "--seed") == 0) options->seed = (uint64_t)parse_number(value, 0, 9e15);
    else if (strcmp(name, "--rebind-after") == 0)
        options->rebind_after_us = (uint64_t)(parse_number(value, 0, SECONDS_MAX) * 1e6);
    else if (strcmp(name, "--seconds") == 0) options->seconds = (uint64_t)parse_number(value, 1, SECONDS_MAX);
    else usage(name);
}

static options_t parse_options(int count, char **words)
{
    options_t options = {
        .listen = {.v4 = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}}},
        .reorder_by_us = 5000,
        .queue_bytes = 65536,
        .mtu = DATAGRAM_MAX,
        .seed = 1,
        .seconds = SECONDS_DEFAULT,
    };
    for (int i = 1; i < count; i += 2) {
        if (i + 1 == count) usage(words[i]);
        parse_option(&options, words[i], words[i + 1]);
    }
    if (options.to.any.sa_family == 0 || endpoint_port(&options.to) == 0) usage("--to is needed");
    return options;
}

static void print_counts(const char *name, const counts_t *counts)
{
    printf("\"%s\":{\"received\":%" PRIu64 ",\"received_bytes\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"spared\":%" PRIu64 ",\"over_mtu\":%" PRIu64 ",\"over_queue\":%" PRIu64 ",\"duplicated\":%" PRIu64
           ",\"reordered\":%" PRIu64 ",\"failed\":%" PRIu64 "}",
           name, counts->received, counts->received_bytes, counts->sent, counts->lost, counts->spared, counts->over_mtu,
           counts->over_queue, counts->duplicated, counts->reordered, counts->failed);
}

static void print_listening(int fd)
{
    endpoint_t bound = {0};
    socklen_t len = sizeof bound;
    if (getsockname(fd, &bound.any, &len) != 0) die("getsockname");
    char host[INET6_ADDRSTRLEN];
    const bool is_v4 = bound.any.sa_family == AF_INET;
    inet_ntop(bound.any.sa_family, is_v4 ? (const void *)&bound.v4.sin_addr : (const void *)&bound.v6.sin6_addr, host,
              sizeof host);
    printf("{\"event\":\"listening\",\"host\":\"%s\",\"port\":%u}\n", host, endpoint_port(&bound));
}

int main(int count, char **words)
{
    static shim_t shim;
    shim.options = parse_options(count, words);
    setvbuf(stdout, NULL, _IOLBF, 0);
    shim.lanes[UP].random = shim.options.seed * 2;
    shim.lanes[DOWN].random = shim.options.seed * 2 + 1;
    if (shim.options.rebind_after_us != 0) shim.rebind_at = clock_us() + shim.options.rebind_after_us;

    /* The signals stay blocked except while ppoll waits: none can slip in between the check and the wait. */
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    const struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    shim.listen_fd = socket_bound_to(&shim.options.listen);
    if (shim.listen_fd < 0) die("listen");
    print_listening(shim.listen_fd);
    run(&shim, &before);

    printf("{\"event\":\"result\",\"ok\":true,\"clients\":%" PRIu32 ",\"strangers\":%" PRIu64 ",", shim.client_n,
           shim.strangers);
    print_counts("up", &shim.lanes[UP].counts);
    putchar(',');
    print_counts("down", &shim.lanes[DOWN].counts);
    puts("}");
    while (shim.heap_n > 0) free(heap_pop(&shim));
    free(shim.heap);
    return 0;
}
