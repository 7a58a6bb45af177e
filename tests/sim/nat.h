/*
 * A NAT of one outside address in the words of RFC 4787: how it maps (4.1) and how it filters (5) depends on nothing of
 * the remote's, on its IP address, or on its port as well. It keeps flows, of which an inside endpoint has one with
 * each remote that it has sent to:
 *
 *   (nothing) --(out)--> live --(nothing out for expire_after)--> (nothing)
 *                        | ^
 *                        +-+ out
 *
 * A mapping is an outside port that flows share; it lives as long as one of them. Only what goes out prolongs a flow
 * (REQ-6 asks for no more). Filtering goes by the inside endpoint, whatever it is mapped to, as in section 5. Ports are
 * handed out at random; there is no hairpinning, and nothing inside is reached otherwise.
 */
#ifndef MINKE_SIM_NAT_H
#define MINKE_SIM_NAT_H

#include <minke/types.h>

enum { SIM_NAT_FLOWS_MAX = 256 };

typedef enum sim_nat_behaviour {
    SIM_NAT_ENDPOINT_INDEPENDENT,
    SIM_NAT_ADDRESS_DEPENDENT,
    SIM_NAT_PORT_DEPENDENT, /* "address and port-dependent" */
    SIM_NAT_BEHAVIOURS
} sim_nat_behaviour_t;

typedef struct sim_nat_flow {
    minke_address_t inside, remote;
    uint16_t port;           /* outside; 0: the slot is free */
    minke_time_t expires_at; /* not live from then on */
} sim_nat_flow_t;

typedef struct sim_nat {
    minke_address_t outside; /* without port */
    sim_nat_behaviour_t mapping, filtering;
    minke_time_t expire_after;
    uint64_t random;
    uint64_t mapped, filtered, expired; /* ports handed out, datagrams kept out, flows that ended */
    sim_nat_flow_t flows[SIM_NAT_FLOWS_MAX];
} sim_nat_t;

void sim_nat_init(sim_nat_t *nat, const char *outside_ip, sim_nat_behaviour_t mapping, sim_nat_behaviour_t filtering,
                  minke_time_t expire_after, uint64_t seed);
/* A datagram from `inside` to `remote` goes out: `seen` is where it comes from. No test needs more flows than there
 * are.
 */
void sim_nat_out(sim_nat_t *nat, const minke_address_t *inside, const minke_address_t *remote, minke_time_t now,
                 minke_address_t *seen);
/* A datagram from `remote` to this port of the outside address: `inside` is where it goes. False: nowhere. */
bool sim_nat_in(sim_nat_t *nat, uint16_t port, const minke_address_t *remote, minke_time_t now,
                minke_address_t *inside);
/* It has been switched off and on: nothing is live. */
void sim_nat_restart(sim_nat_t *nat);

#endif
