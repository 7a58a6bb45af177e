#include "driver/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "driver/clock.h"
#include "driver/host.h"
#include "webrtc/endpoint.h"

enum { SECOND = 1000000 };

/* ---- the process ---- */

/* The second number of /proc/self/statm is resident pages. */
static uint64_t resident_bytes(void)
{
    char text[128];
    uint64_t pages = 0;
    int word = 0;
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    const ssize_t n = read(fd, text, sizeof text);
    (void)close(fd);
    for (ssize_t i = 0; i < n && word < 2; i++) {
        if (text[i] == ' ') word++;
        else if (word == 1) pages = pages * 10 + (uint64_t)(text[i] - '0');
    }
    const long page = sysconf(_SC_PAGESIZE);
    return page > 0 ? pages * (uint64_t)page : 0;
}

/* The one that reads the directory is not counted. */
static uint64_t open_descriptors(void)
{
    uint64_t n = 0;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) return 0;
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.') n++;
    }
    (void)closedir(directory);
    return n > 0 ? n - 1 : 0;
}

static void look_at_process(minke_snapshot_t *s)
{
    struct rlimit limit;
    s->resident = resident_bytes();
    s->descriptors = open_descriptors();
    s->descriptors_max = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_cur : 0;
}

/* ---- the host ---- */

static void count(minke_snapshot_t *s, const minke_connection_stats_t *stats)
{
    s->streams += stats->streams;
    if (stats->layer != MINKE_LAYER_HOST) {
        s->connections_pending++;
        return;
    }
    s->connections[stats->kind][stats->inbound ? 1 : 0]++;
    if (stats->limited) s->connections_limited++;
}

static int count_connections(const minke_node_t *node, minke_snapshot_t *s)
{
    const size_t n = minke__node_connections(node, NULL, 0);
    minke_connection_t *ids = minke__alloc(&node->env, (n + 1) * sizeof ids[0]);
    minke_connection_stats_t stats;
    if (ids == NULL) return MINKE_ERROR_NO_MEMORY;
    (void)minke__node_connections(node, ids, n);
    for (size_t i = 0; i < n; i++) {
        if (minke__node_stats(node, ids[i], &stats) == MINKE_OK) count(s, &stats);
    }
    minke__free(&node->env, ids);
    return MINKE_OK;
}

static void look_at_relay(const minke_relay_options_t *limits, minke_snapshot_t *s)
{
    s->reservations = s->relay->reservations;
    s->reservations_max = limits->reservations_max;
    s->reservations_per_address_max = limits->reservations_per_address_max;
    s->reservation_s = limits->reservation_after / SECOND;
    s->circuits = s->relay->circuits;
    s->circuits_asking = s->relay->circuits_asking;
    s->circuits_max = limits->circuits_max;
    s->circuits_per_peer_max = limits->circuits_per_peer_max;
    s->circuit_s = limits->circuit_after / SECOND;
    s->circuit_bytes = limits->circuit_bytes;
}

int minke__snapshot_take(const minke_host_t *host, minke_snapshot_t *out)
{
    const minke_node_t *node = host->node;
    const minke_transport_options_t *limits = &node->transport->options;
    *out = (minke_snapshot_t){.agent = node->agent,
                              .addresses = &node->addresses,
                              .counters = minke_counters(host),
                              .relay = minke_relay_stats(host),
                              .age = minke__clock_now() - host->started_at,
                              .started_at_s = host->started_at_s,
                              .connections_max = limits->connections_max,
                              .connections_per_address_max = limits->connections_per_address_max,
                              .handshakes_max = limits->handshakes_max,
                              .memory = minke_memory(host),
                              .memory_max = limits->memory_max,
                              .stun_per_second_max = limits->serve_stun ? limits->stun_per_second_max : 0};
    minke_self(host, out->self);
    look_at_process(out);
    if (out->relay != NULL) look_at_relay(&host->relay_limits, out);
    return count_connections(node, out);
}
