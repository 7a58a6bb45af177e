/*
 * One end of a link: a network namespace with nothing in it but a loopback and a tun device, whose packets this process
 * reads and writes. The namespace has no name and lives as long as this process, and what runs in it, do.
 */
#ifndef LINK_SITE_H
#define LINK_SITE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct site {
    int namespace_fd; /* that of the network; -1: none */
    int tun_fd;       /* does not block */
} site_t;

/* Who is not root becomes it in a user namespace of his own, for all sites: its descriptor, -1 for root. False: the
 * system does not allow it, and errno says why. */
bool site_permit(int *user_namespace_fd);

/* Makes a site; this process is in its namespace then. `address` is IPv4, of a net of 24 bits. NULL, or what failed:
 * errno says why. */
const char *site_begin(site_t *site, const char *address);
void site_end(site_t *site);

/* What the system dropped there, so far. */
typedef struct site_losses {
    uint64_t device;  /* packets that did not come to us: there was no room in the device */
    uint64_t sockets; /* UDP datagrams that had arrived: the program was too slow, or its buffer too small */
} site_losses_t;

site_losses_t site_losses(const site_t *site);

#endif
