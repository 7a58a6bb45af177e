/*
 * Inside of minke_host_t: a node (src/host/node.h) driven by epoll.
 *
 *     sockets --recv--> transport --> node --> events --> application
 *     sockets <--send-- transport <-- node <-- calls  <--
 */
#ifndef MINKE_DRIVER_HOST_H
#define MINKE_DRIVER_HOST_H

#include "base/list.h"
#include "base/map.h"
#include "driver/carrier.h"
#include "driver/dns.h"
#include "driver/layers.h"
#include "driver/metrics.h"
#include "driver/outbox.h"
#include "driver/tls.h"
#include "driver/udp.h"
#include "driver/watch.h"
#include "host/node.h"
#include "webrtc/connection.h"

/* A UDP socket that the transport asked for. */
typedef struct minke_host_socket {
    minke_map_node_t by_id;
    minke_watch_t watch;
    minke_socket_t id;
    minke_udp_t udp;
} minke_host_socket_t;

/* A listener that was asked for. */
typedef struct minke_host_listener {
    minke_list_t siblings;
    minke_target_kind_t kind;
    minke_socket_t socket; /* of the transport's, DIRECT only */
    minke_watch_t watch;   /* the others */
    char addr[MINKE_ADDR_BYTES];
} minke_host_listener_t;

/* An address that stands for our own. */
typedef struct minke_host_announced {
    minke_multiaddr_t address;
    minke_target_t target;
} minke_host_announced_t;

/* What is received goes to the inbox first. A datagram, and a GRO train, is 64 KiB at most. Of a TCP connection twice
 * as much is read at once: a Noise message may be as long as the other half, and one that a read cuts is copied
 * together.
 */
enum { MINKE_HOST_IN_BYTES = 131072 };

/* A turn that has brought no more than this may have brought a question: see turn.c. */
enum { MINKE_HOST_QUESTION_BYTES = 4096 };

struct minke_host {
    minke_node_t *node;
    minke_time_t now;
    minke_time_t held_at; /* when an event was told before the answer to it was sent; 0: see turn.c */
    minke_time_t started_at;
    uint64_t started_at_s; /* the same on the clock on the wall */
    minke_relay_options_t relay_limits;
    minke_metrics_t *metrics; /* metrics.h; NULL: nobody is served */
    int epoll;
    bool waits_in_ms;        /* this system has no epoll_pwait2 */
    minke_time_t spin_after; /* looks for so long before it sleeps */
    minke_map_t sockets;     /* id -> minke_host_socket_t */
    minke_handles_t watches; /* what stands in epoll -> minke_watch_t */
    minke_list_t listeners;
    minke_time_t look_again_at; /* when those that look away do so no longer; NEVER: none does */
    minke_host_announced_t announced[8];
    size_t announced_n;

    /* carrier.h */
    minke_list_t carriers;
    minke_map_t attempts;       /* of the node -> minke_tcp_carrier_t */
    uint8_t *piece;             /* what they send next; NULL: there has been none */
    minke_tls_context_t *trust; /* NULL: no wss has been dialled */
    char *ca_file;              /* NULL: the system's authorities alone */

    minke_dns_t *dns; /* NULL: no name has been asked for */
    minke_watch_t dns_watch;
    char *dns_servers; /* NULL: the system's */

    minke_udp_batching_t udp_batching;
    minke_outbox_t outbox;
    minke_udp_inbox_t inbox;
    size_t received_bytes; /* by UDP, this turn */
    uint8_t *in;           /* the inbox' bytes, MINKE_HOST_IN_BYTES of them: where other sockets read to */
};

/* host.c */
minke_host_socket_t *minke__host_socket(const minke_host_t *host, minke_socket_t id);
void minke__host_open_socket(minke_host_t *host, const minke_transport_event_t *event);
void minke__host_close_socket(minke_host_t *host, minke_host_socket_t *s);
/* Everything that there is to send. */
void minke__host_transmit(minke_host_t *host);

/* listen.c */
void minke__host_socket_opened(minke_host_t *host, minke_socket_t socket, const minke_address_t *bound);
/* False: no listener asked for this socket. */
bool minke__host_listener_failed(minke_host_t *host, minke_socket_t socket, const char *reason);
/* A descriptor has become free, or may have. */
void minke__host_listeners_look_again(minke_host_t *host);
void minke__host_listeners_free(minke_host_t *host);

/* trust.c: what TLS connections share. NULL: `reason` says why there is nothing. */
minke_tls_context_t *minke__host_trust(minke_host_t *host, minke_close_t *reason);

/* names.c: MINKE_REQUEST_RESOLVE and _CANCEL of a node. */
void minke__names_resolve(minke_host_t *host, const minke_node_request_t *request);
void minke__names_cancel(minke_host_t *host, uint64_t attempt);
/* `now`: an answer is ready. */
minke_time_t minke__names_deadline(const minke_host_t *host, minke_time_t now);
void minke__names_tick(minke_host_t *host);
void minke__names_free(minke_host_t *host);

#endif
