/*
 * A relay, somebody who is reached over it and somebody who calls, in virtual time: what all tests of relays begin
 * with. Either of the two may be raw: then it has no relay client of its own, and the test writes its hop and stop
 * streams byte by byte. So may the relay.
 */
#ifndef MINKE_SIM_RELAY_SCENE_H
#define MINKE_SIM_RELAY_SCENE_H

#include "relay/message.h"
#include "world.h"

#define RELAY_HOP "/libp2p/circuit/relay/0.2.0/hop"
#define RELAY_STOP "/libp2p/circuit/relay/0.2.0/stop"

enum {
    RELAY_MILLISECOND = 1000,
    RELAY_SECOND = 1000000,
    RELAY_STREAMS_MAX = 1100,
    RELAY_TOLD_MAX = 512,
    RELAY_FIRST_MAX = 600
};

/* A stream as an application has it. What it writes is the pattern of relay_byte. */
typedef struct relay_stream {
    minke_stream_t id;
    minke_connection_t connection;
    char protocol[64];
    bool inbound, opened, closed, end_seen;
    bool ignores, echoes;
    struct relay_stream *bridge; /* what is read is written there */
    int error;
    size_t read;
    uint8_t first[RELAY_FIRST_MAX]; /* the beginning of what was read */
    size_t pattern_from;            /* the pattern is expected from this byte on; SIZE_MAX: never */
    bool wrong;
    uint64_t written, to_write; /* of the pattern */
    bool finish;                /* when all of it is written */
    minke_time_t read_at;       /* when the last byte was read */
} relay_stream_t;

/* CONNECTED, DISCONNECTED and what is said of addresses. */
typedef struct relay_told {
    minke_event_type_t type;
    minke_time_t at;
    minke_connection_t connection;
    bool inbound, limited;
    char addr[MINKE_ADDR_BYTES], peer[MINKE_PEER_BYTES];
    minke_close_t close;
} relay_told_t;

typedef struct relay_app {
    size_t told_n, streams_n, identified_n;
    relay_told_t told[RELAY_TOLD_MAX];
    relay_stream_t streams[RELAY_STREAMS_MAX];
    bool echoes, ignores; /* what streams that come in do */
} relay_app_t;

typedef struct relay_scene_options {
    minke_relay_options_t relay;
    uint64_t seed;
    sim_link_t link;
    bool tcp; /* to the relay */
    bool raw_relay, raw_target, raw_source, quiet;
    minke_host_options_t host; /* of all three */
} relay_scene_options_t;

typedef struct relay_scene {
    relay_scene_options_t options;
    sim_world_t world;
    sim_endpoint_t *relay, *target, *source;
    char relay_addr[MINKE_ADDR_BYTES];  /* with /p2p/R */
    char reserve_at[MINKE_ADDR_BYTES];  /* and /p2p-circuit */
    char circuit[MINKE_ADDR_BYTES * 2]; /* and /p2p/target */
    char relay_id[MINKE_PEER_BYTES], target_id[MINKE_PEER_BYTES], source_id[MINKE_PEER_BYTES];
} relay_scene_t;

void relay_scene_defaults(relay_scene_options_t *options);
/* Everybody is there and nobody is connected. NULL: defaults. */
void relay_set_up(relay_scene_t *s, const relay_scene_options_t *options);
/* Aborts if anything has leaked. */
void relay_tear_down(relay_scene_t *s);
/* One more endpoint, with a link to the relay. */
sim_endpoint_t *relay_add(relay_scene_t *s, const char *ip, bool raw);
void relay_restart(relay_scene_t *s);
relay_app_t *relay_app(const sim_endpoint_t *e);

uint8_t relay_byte(uint64_t place);
void relay_run(relay_scene_t *s, minke_time_t span);
/* False: it did not happen within the span. */
bool relay_wait_told(relay_scene_t *s, const sim_endpoint_t *e, minke_event_type_t type, size_t n, minke_time_t span);
bool relay_wait_read(relay_scene_t *s, const relay_stream_t *stream, size_t bytes, minke_time_t span);
bool relay_wait_closed(relay_scene_t *s, const relay_stream_t *stream, minke_time_t span);
bool relay_wait_streams(relay_scene_t *s, const sim_endpoint_t *e, size_t n, minke_time_t span);
/* The n-th event of this type, from 1 on; NULL: there is none yet. And how many there are. */
const relay_told_t *relay_told(const sim_endpoint_t *e, minke_event_type_t type, size_t n);
size_t relay_told_n(const sim_endpoint_t *e, minke_event_type_t type);

/* These assert that it works. */
minke_connection_t relay_connect(relay_scene_t *s, sim_endpoint_t *e, const char *addr);
void relay_reserve(relay_scene_t *s, sim_endpoint_t *e);
relay_stream_t *relay_open(relay_scene_t *s, sim_endpoint_t *e, minke_connection_t connection, const char *protocol);
void relay_write(relay_scene_t *s, sim_endpoint_t *e, const relay_stream_t *stream, const void *data, size_t len);
void relay_write_hex(relay_scene_t *s, sim_endpoint_t *e, const relay_stream_t *stream, const char *hex);
/* So many more bytes of the pattern. */
void relay_pour(relay_scene_t *s, sim_endpoint_t *e, relay_stream_t *stream, uint64_t bytes);
/* Reads what it ignored so far. */
void relay_drink(relay_scene_t *s, sim_endpoint_t *e, relay_stream_t *stream);
void relay_finish(relay_scene_t *s, sim_endpoint_t *e, relay_stream_t *stream);
void relay_reset(relay_scene_t *s, sim_endpoint_t *e, const relay_stream_t *stream);

/* A message with its length prefix; the length of it. */
size_t relay_hop_connect(const char *peer, uint8_t out[128]);
size_t relay_hop_status(uint64_t status, uint8_t out[16]);
size_t relay_stop_status(uint64_t status, uint8_t out[16]);
/* The stream has read exactly this so far. */
bool relay_has_read(const relay_stream_t *stream, const void *data, size_t len);

/* A raw source and a raw target are joined: `hop` and `stop` carry the bytes of a circuit, the pattern is expected on
 * both. */
void relay_join(relay_scene_t *s, relay_stream_t **hop, relay_stream_t **stop);
/* One more circuit between two who are connected to the relay already. */
void relay_join_more(relay_scene_t *s, sim_endpoint_t *source, sim_endpoint_t *target, relay_stream_t **hop,
                     relay_stream_t **stop);

const minke_relay_statistics_t *relay_statistics(const relay_scene_t *s);
/* Nothing is open or held at the relay that should not be. */
void relay_assert_idle(relay_scene_t *s);

#endif
