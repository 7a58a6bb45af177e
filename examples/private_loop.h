/*
 * The sockets of private connections in a poll() loop, for paste.c and own_signalling.c: a private connection asks for
 * one UDP socket for each family and gives them back when it ends. Copy it together with private_loop.c.
 *
 *     private_loop_start --> { private_loop_turn --> private_loop_fds --> poll(private_loop_timeout) } -->
 * private_loop_end
 */
#ifndef PRIVATE_LOOP_H
#define PRIVATE_LOOP_H

#include <minke/loop.h>
#include <minke/transport.h>
#include <poll.h>

enum { PRIVATE_LOOP_SOCKETS = 16 };

typedef struct private_socket {
    minke_socket_t id; /* 0: this place is free */
    int fd;
    minke_address_t bound;
} private_socket_t;

typedef struct private_loop {
    minke_transport_t *transport;
    minke_time_t now; /* for all calls of a turn: what happens in it happens at one time */
    private_socket_t sockets[PRIVATE_LOOP_SOCKETS];
    uint8_t buffer[MINKE_TRAIN_BYTES];
    void (*on_event)(void *user, const minke_transport_event_t *event); /* all but those of sockets */
    void *user;
} private_loop_t;

/* Makes a transport with a fresh identity, and tells it the addresses of this machine. MINKE_OK or why not. */
int private_loop_start(private_loop_t *loop, void (*on_event)(void *, const minke_transport_event_t *), void *user);
/* Says goodbye and frees all. */
void private_loop_end(private_loop_t *loop);
/* Receives, lets time pass, tells events and sends. Call it whenever poll() returns, and after calls of your own. */
void private_loop_turn(private_loop_t *loop);
/* Fills in what poll() has to watch: at most PRIVATE_LOOP_SOCKETS. Returns how many. */
nfds_t private_loop_fds(const private_loop_t *loop, struct pollfd *fds);
/* Milliseconds until the next turn is due even if no datagram comes; -1: never. */
int private_loop_timeout(const private_loop_t *loop);
/* Reads IP:PORT, the IP of IPv6 in brackets: a STUN server. */
bool private_loop_parse(const char *text, minke_address_t *address);

#endif
