/*
 * Multiaddrs with names in them become multiaddrs with IP addresses.
 *
 *     resolve --> WAITING --> ANSWERED --> next: gone
 *                    |  a name waits for its addresses, a TXT record for more names: at most MINKE_DNS_STEPS_MAX in a
 *                    |  row and MINKE_DNS_QUESTIONS_MAX in all; nothing takes longer than 10 s
 *                 cancel: gone
 *
 * Only the first component is looked at.
 * One descriptor (readable: process) and one deadline are all that a loop needs to know.
 */
#ifndef MINKE_DRIVER_DNS_H
#define MINKE_DRIVER_DNS_H

#include "base/env.h"
#include "multiformats/target.h"

typedef struct minke_dns minke_dns_t;

enum {
    MINKE_DNS_RESOLUTIONS_MAX = 64, /* waiting, or answered and not taken */
    MINKE_DNS_ADDRESSES_MAX = 16,   /* of one answer; what is more is left out */
    MINKE_DNS_QUESTIONS_MAX = 32,   /* to DNS, for one answer */
    MINKE_DNS_STEPS_MAX = 4         /* from one name to the next, by /dnsaddr */
};

/* `servers` NULL: the system's, its hosts file and search list; else "127.0.0.1:5353,[::1]:53". MINKE_ERROR_INVALID: it
 * is not of that form; MINKE_ERROR_NO_MEMORY; MINKE_ERROR_SYSTEM. */
MINKE_MUST_USE int minke__dns_new(const minke_env_t *env, const char *servers, minke_dns_t **out);
/* What waits ends without an answer. NULL is allowed. */
void minke__dns_free(minke_dns_t *dns);

/* Does it begin with a name? */
bool minke__dns_is_needed(const minke_multiaddr_t *address);
/* Starts a resolution under a number of the caller's. MINKE_ERROR_ADDRESS: there is nothing to resolve in it;
 * MINKE_ERROR_LIMIT; MINKE_ERROR_NO_MEMORY. All that DNS has to say, and that the name is none, is the answer. */
MINKE_MUST_USE int minke__dns_resolve(minke_dns_t *dns, uint64_t user, const minke_multiaddr_t *address,
                                      minke_time_t now);
/* All resolutions of this number end without an answer. */
void minke__dns_cancel(minke_dns_t *dns, uint64_t user);

typedef struct minke_dns_answer {
    uint64_t user;
    minke_multiaddr_t addresses[MINKE_DNS_ADDRESSES_MAX]; /* they begin with /ip4 or /ip6, in turns, IPv6 first */
    /* What each was found under, which TLS and HTTP want: the last name of several. "": a record named the IP itself */
    char names[MINKE_DNS_ADDRESSES_MAX][MINKE_NAME_BYTES];
    size_t addresses_n;
    char error[192]; /* a sentence for people that says why there are none; "" if there are */
} minke_dns_answer_t;

/* The next answer; false: none is ready. */
bool minke__dns_next(minke_dns_t *dns, minke_dns_answer_t *answer);

/* Readable when minke__dns_process is to be called; the same for the whole life, for any poll or epoll. */
int minke__dns_fd(const minke_dns_t *dns);
/* Call it when the descriptor is readable and when the deadline has come. */
void minke__dns_process(minke_dns_t *dns, minke_time_t now);
/* Ask anew after every call. `now` if an answer is ready. */
minke_time_t minke__dns_deadline(const minke_dns_t *dns, minke_time_t now);

#endif
