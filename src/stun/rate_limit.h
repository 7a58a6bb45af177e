/*
 * How often strangers are served who can name any source they like: a token bucket for each source, and one for all.
 *
 * A source is an IPv4 address or an IPv6 /64, which is what one subscriber gets (RFC 6177). It has 10 requests at once,
 * then 5 per second. An honest client needs a fraction of that: it asks once per interface when it gathers candidates,
 * at most seven times in half a minute where nothing is answered (RFC 8489 6.2.1), and again every ten seconds or so to
 * keep its NAT awake; so an office behind one address has its share as well. Somebody whose address is forged gets five
 * small datagrams a second from us, which nobody calls an attack.
 *
 * The bucket of all bounds what a flood of forged sources makes us send. A source that is over its own limit takes
 * nothing from it.
 *
 * Sources are kept in a table of fixed size, made once. Only those that were served enter it, and the one that was
 * served longest ago is evicted. That forgives nobody while 2 s of the limit for all fit into the table (up to 2000 per
 * second: default 1000), because an empty bucket is full again after 2 s, and a full one need not be remembered. Above,
 * it forgives those who are in command of thousands of sources, whom the bucket of all has to bound.
 */
#ifndef MINKE_STUN_RATE_LIMIT_H
#define MINKE_STUN_RATE_LIMIT_H

#include "base/env.h"

enum {
    MINKE_RATE_SOURCE_AT_ONCE = 10,
    MINKE_RATE_SOURCE_PER_SECOND = 5,
    MINKE_RATE_SOURCES_MAX = 4096 /* of 64 bytes each */
};

typedef struct minke_rate_limit minke_rate_limit_t;

/* For all sources together: `at_once`, then `per_second`, both from 1 to 1,000,000. NULL: no memory. */
MINKE_MUST_USE minke_rate_limit_t *minke__rate_limit_new(const minke_env_t *env, uint32_t at_once, uint32_t per_second);
void minke__rate_limit_free(minke_rate_limit_t *limit);
/* May this source be served now? If so it is counted; if not, nothing changes. Port and scope do not matter. */
MINKE_MUST_USE bool minke__rate_limit_take(minke_rate_limit_t *limit, const minke_address_t *source, minke_time_t now);
/* Sources that are remembered. */
uint32_t minke__rate_limit_sources(const minke_rate_limit_t *limit);

#endif
