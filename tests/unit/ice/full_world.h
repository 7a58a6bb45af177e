/*
 * Two full agents, each behind a NAT of a kind, a STUN server between them, and signalling: in virtual time, seeded.
 * NATs behave as RFC 4787 4.1 and 5 say, with every mapping and filtering there is; they do not hairpin.
 */
#ifndef MINKE_TESTS_FULL_WORLD_H
#define MINKE_TESTS_FULL_WORLD_H

#include "ice_support.h"

/* Of what a mapping is a function, and what a filter asks of a source. */
typedef enum nat_rule { NAT_ENDPOINT_INDEPENDENT, NAT_ADDRESS_DEPENDENT, NAT_ADDRESS_AND_PORT_DEPENDENT } nat_rule_t;

typedef struct nat_mapping {
    minke_address_t inside, to; /* `to` as far as it matters */
    uint16_t outside_port;
    minke_address_t sent_to[64];
    size_t sent_to_n;
} nat_mapping_t;

enum { NAT_MAPPINGS_MAX = 512, WORLD_IN_FLIGHT_MAX = 1024, WORLD_SIGNALS_MAX = 256, WORLD_HOSTS_MAX = 4 };

typedef struct nat {
    bool open; /* no NAT at all */
    nat_rule_t mapping, filtering;
    minke_address_t outside[2]; /* IPv4, IPv6 */
    uint16_t next_port;
    nat_mapping_t mappings[NAT_MAPPINGS_MAX];
    size_t mappings_n;
} nat_t;

typedef struct world_side {
    minke_ice_agent_t *agent;
    nat_t nat;
    minke_address_t hosts[WORLD_HOSTS_MAX];
    size_t hosts_n;
    uint8_t lan; /* hosts of one LAN reach each other */
    minke_time_t starts_at;
    minke_time_t connected_at; /* NEVER: not yet */
    size_t sent, received;     /* datagrams */
} world_side_t;

typedef struct world_signal {
    minke_time_t at;
    uint8_t to;
    bool is_candidate; /* else the answer: the answerer's credentials */
    minke_candidate_t candidate;
} world_signal_t;

typedef struct world_flying {
    minke_time_t at;
    minke_address_t from, to;
    uint8_t lan; /* of the sender */
    size_t len;
    uint8_t data[MINKE_STUN_MESSAGE_MAX];
} world_flying_t;

typedef struct full_world {
    test_env_t test;
    uint64_t random_state;
    minke_time_t now, delay, jitter, signalling_delay, trickle_delay;
    uint32_t loss_percent;
    bool candidates_first; /* the answerer's candidates overtake its answer */
    bool plain_server;     /* it writes MAPPED-ADDRESS only */
    bool one_way[2];       /* nothing from that side arrives */
    bool same_role, both_controlling;
    minke_address_t servers[2];
    world_side_t sides[2]; /* the offerer, the answerer */
    world_flying_t *flying;
    size_t flying_n;
    world_signal_t signals[WORLD_SIGNALS_MAX];
    size_t signals_n;
    uint64_t fingerprint;
} full_world_t;

#define OFFERER_UFRAG "Qx7a"
#define OFFERER_PWD "r9VwKf2mTz0LhYp4Bn6Jc8Sd"
#define ANSWERER_UFRAG "Lm3t"
#define ANSWERER_PWD "k4Zt8Wq1Xe5Rv7Uy3Io9Pa2G"

minke_ice_options_t full_options(bool offerer, bool remote_known);
minke_address_t test_address(const char *ip, uint16_t port);
minke_candidate_t test_candidate(minke_candidate_type_t type, const char *ip, uint16_t port);

/* Two sides with a host address of each wanted family behind NATs of their own; then adjust, then start. */
void world_init(full_world_t *w, uint64_t seed, bool ip4, bool ip6);
void world_start(full_world_t *w);
void world_free(full_world_t *w);
/* The NAT of that side forgets all it knew, and has other ports. */
void world_rebind(full_world_t *w, int i);
/* To the next event; every deadline must lie ahead once it was served. */
void world_step(full_world_t *w);
void world_run_until(full_world_t *w, minke_time_t until);
/* Until both have a nominated pair, or one has failed, or that instant. */
bool world_connects(full_world_t *w, minke_time_t until);
/* A datagram sent to where the agent of side `i` says that data goes now arrives at the other, which takes it. */
bool world_data_passes(full_world_t *w, int i);

#endif
