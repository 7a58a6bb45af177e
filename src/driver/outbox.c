#include "driver/outbox.h"

#include <string.h>

#include "driver/host.h"
#include "webrtc/endpoint.h"

/* What the cost of a call is small beside. */
enum { COLLECT_BYTES = 16 << 10, OUTBOX_BYTES = COLLECT_BYTES + MINKE_TRAIN_BYTES };

int minke__outbox_init(minke_outbox_t *outbox, const minke_env_t *env)
{
    outbox->bytes = minke__alloc(env, OUTBOX_BYTES);
    return outbox->bytes != NULL ? MINKE_OK : MINKE_ERROR_NO_MEMORY;
}

void minke__outbox_free(minke_outbox_t *outbox, const minke_env_t *env)
{
    minke__free(env, outbox->bytes);
    outbox->bytes = NULL;
}

static void wait_for_room(minke_host_t *host, minke_host_socket_t *s, bool wanted)
{
    minke__watch_change(host, &s->watch, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static bool go_together(const minke_routed_train_t *a, const minke_routed_train_t *b)
{
    return a->path.socket == b->path.socket && a->in_pieces == b->in_pieces;
}

static size_t send_by(minke_udp_t *udp, minke_routed_train_t *trains, size_t n)
{
    const bool in_pieces = trains->in_pieces;
    if (in_pieces) minke__udp_fragment(udp, true);
    const size_t done = minke__udp_send(udp, trains, n);
    if (in_pieces) minke__udp_fragment(udp, false);
    return done;
}

static void report(minke_host_t *host, const minke_routed_train_t *sent)
{
    minke_transport_t *transport = host->node->transport;
    if (sent->too_large > 0) minke_transport_too_large(transport, &sent->path, sent->too_large, host->now);
    if (sent->no_way != 0) {
        minke_transport_unreachable(transport, &sent->path, strerror(sent->no_way), host->now);
    }
}

/* The next trains that leave by one socket, in one way. False: it has no room, and will say when it has. */
static bool send_run(minke_host_t *host)
{
    minke_outbox_t *outbox = &host->outbox;
    minke_routed_train_t *first = &outbox->trains[outbox->at];
    size_t n = 1;
    while (outbox->at + n < outbox->trains_n && go_together(first, &first[n])) n++;
    minke_host_socket_t *s = minke__host_socket(host, first->path.socket);
    const size_t done = s != NULL ? send_by(&s->udp, first, n) : n;
    outbox->at += done;
    for (size_t i = 0; i < done; i++) report(host, &first[i]);
    if (s != NULL) wait_for_room(host, s, done < n);
    return done == n;
}

static bool send_all(minke_host_t *host)
{
    minke_outbox_t *outbox = &host->outbox;
    while (outbox->at < outbox->trains_n) {
        if (send_run(host)) continue;
        outbox->held = true;
        return false;
    }
    outbox->trains_n = outbox->at = outbox->bytes_n = 0;
    return true;
}

static bool collect(minke_host_t *host)
{
    minke_outbox_t *outbox = &host->outbox;
    minke_routed_train_t *next = &outbox->trains[outbox->trains_n];
    if (minke_transport_transmit(host->node->transport, outbox->bytes + outbox->bytes_n, MINKE_TRAIN_BYTES,
                                 &next->train, &next->path, host->now) == 0) {
        return false;
    }
    next->in_pieces = minke_transport_fragmentation(host->node->transport) == MINKE_FRAGMENT_ALLOWED;
    next->no_way = 0;
    next->too_large = 0;
    outbox->trains_n++;
    outbox->bytes_n += next->train.len;
    return true;
}

/* Nobody else has anything to say: a question or an answer does not wait until its own connection has been asked for
 * more, which takes as long as a tenth of the way. */
static bool is_alone(const minke_host_t *host)
{
    const minke_list_t *to_send = &host->node->transport->to_send;
    return to_send->next->next == to_send;
}

void minke__outbox_transmit(minke_host_t *host)
{
    minke_outbox_t *outbox = &host->outbox;
    if (outbox->held || !send_all(host)) return;
    for (bool more = true; more;) {
        more = collect(host);
        const bool full = outbox->trains_n == MINKE_UDP_MESSAGES_MAX || outbox->bytes_n >= COLLECT_BYTES;
        if ((full || !more || is_alone(host)) && !send_all(host)) return;
    }
}

void minke__outbox_resume(minke_host_t *host)
{
    host->outbox.held = false;
    (void)send_all(host);
}

void minke__outbox_forget(minke_outbox_t *outbox, minke_socket_t socket)
{
    size_t kept = outbox->at;
    for (size_t i = outbox->at; i < outbox->trains_n; i++) {
        if (outbox->trains[i].path.socket != socket) outbox->trains[kept++] = outbox->trains[i];
    }
    outbox->trains_n = kept;
    outbox->held = false; /* perhaps it was this socket that the others waited for */
}
