/* TCP sockets, none of which ever blocks: without Nagle, with the system's keep-alive (spec/host.md 6). */
#ifndef MINKE_DRIVER_TCP_H
#define MINKE_DRIVER_TCP_H

#include <minke/types.h>

/* All return the descriptor, or MINKE_ERROR_SYSTEM: errno says why. */

MINKE_MUST_USE int minke__tcp_listen(const minke_address_t *address, minke_address_t *bound);
/* MINKE_ERROR_AGAIN: nobody waits. */
MINKE_MUST_USE int minke__tcp_accept(int listener, minke_address_t *remote);
/* Under way; it is writable when there is an outcome. */
MINKE_MUST_USE int minke__tcp_connect(const minke_address_t *address);
/* 0: connected; else errno of the attempt. */
int minke__tcp_outcome(int fd);

#endif
