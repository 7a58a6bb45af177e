/*
 * A connection and its streams as the cells want them: a cell starts flows, waits for a condition, and checks. What a
 * flow sends is a pattern of its seed; what comes back is compared with the same pattern if it should be an echo.
 */
#ifndef MINKE_INTEROP_LINK_H
#define MINKE_INTEROP_LINK_H

#include <minke/minke.h>

enum { FLOWS_MAX = 2048, IDS_MAX = 65536, FACTS_BYTES = 512 };

/* One stream. It must stay where it is until it is closed. */
typedef struct flow {
    minke_stream_t id; /* 0: closed, or never opened */
    uint8_t head[8];   /* what goes before the pattern */
    size_t head_len;
    size_t to_send, sent, received; /* head included */
    uint32_t seed;
    bool echoes;     /* what comes must be what went */
    bool keeps_open; /* do not finish when all is sent */
    bool paused;     /* read nothing */

    bool ended;    /* the remote finished, and all is read */
    bool finished; /* so have we */
    bool stopped;  /* the remote does not read any more */
    bool wrong;    /* something else came than went */
    bool closed;
    int error; /* once closed */
} flow_t;

typedef struct link {
    minke_host_t *host;
    minke_connection_t connection;
    bool connected, disconnected, identified;
    bool limited; /* once connected: over a relay */
    minke_close_t close;
    flow_t *flows[FLOWS_MAX];
    size_t flows_n;
    uint8_t ids[IDS_MAX]; /* SCTP stream ids that we have opened so far */
    char facts[FACTS_BYTES];
} link_t;

double now_ms(void);

/* Dials; false with the reason in facts. */
bool link_dial(link_t *link, const char *addr, int version);
/* Ends the connection; flows that are open are closed. */
void link_free(link_t *link);

/* Opens a stream and lets it flow as it is set up; false with the reason in facts. */
bool link_start(link_t *link, flow_t *flow, const char *protocol);
/* Goes on with a flow whose to_send or paused has changed. */
void link_go_on(link_t *link, flow_t *flow);
/* Handles what happens next; false when the time `until` has come or the connection is gone. */
bool link_turn(link_t *link, double until);

#define WAIT_FOR(link, ms, condition)                                                                                  \
    for (const double until_ = now_ms() + (ms); !(condition) && link_turn(link, until_);) continue

/* Writes facts; returns `ok`, so that a cell can end with it. */
bool link_say(link_t *link, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
