/* Two bare transports that become a private connection in virtual time; the signals between them are carried by hand,
 * in order. */
#ifndef MINKE_SIM_PRIVATE_SCENE_H
#define MINKE_SIM_PRIVATE_SCENE_H

#include "world.h"

enum { PRIVATE_MILLISECOND = 1000, PRIVATE_SECOND = 1000000, PRIVATE_SIGNALS_MAX = 64, PRIVATE_TEXT_MAX = 2048 };

typedef struct private_signal {
    minke_time_t due;
    minke_signal_t signal;
    char text[PRIVATE_TEXT_MAX];
} private_signal_t;

typedef struct private_side {
    sim_endpoint_t *endpoint;
    minke_connection_t connection;
    minke_stream_t stream; /* that the remote opened */
    private_signal_t out[PRIVATE_SIGNALS_MAX];
    size_t out_n, carried_n;
    bool connected, closed, drops_candidates;
    minke_close_t close;
    minke_time_t connected_at;
} private_side_t;

typedef struct private_scene {
    sim_world_t world;
    private_side_t offerer, answerer;
    minke_time_t signal_delay, answer_delay;
    const minke_address_t *stun_servers;
    size_t stun_servers_n;
    minke_time_t give_up_after; /* 0: the default */
    bool gather_first;
    size_t told_n; /* signals that private_run knows of */
    bool may_fail; /* a side is short of memory */
} private_scene_t;

/* Two endpoints that nothing joins yet. `ips`: the offerer's and the answerer's. */
void private_set_up(private_scene_t *scene, uint64_t seed, const char *const ips[2]);
void private_offer(private_scene_t *scene);
/* Until both sides are up or closed, or `length` has passed. */
void private_run(private_scene_t *scene, minke_time_t length);
/* Both sides open a stream and send on it; false: some of it has not arrived after `length`. Once a scene. */
bool private_talk(private_scene_t *scene, minke_time_t length);

#endif
