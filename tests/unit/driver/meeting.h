/*
 * Two hosts on loopback in one thread, one that listens and echoes, one that dials. A loop of the test's own knows
 * their descriptors and timeouts alone; what else has to run (a DNS server, a proxy) hangs on `turn`.
 */
#ifndef MINKE_TESTS_MEETING_H
#define MINKE_TESTS_MEETING_H

#include <minke/minke.h>

enum { MEETING_STREAMS_MAX = 64, MEETING_PATIENCE_MS = 20000, MEETING_MEMORY = 64 << 20 };

typedef struct meeting_stream {
    minke_stream_t id;
    size_t wanted, sent, received;
    bool closed, wrong;
} meeting_stream_t;

typedef struct meeting {
    minke_host_t *listener, *dialer;
    char address[MINKE_ADDR_BYTES]; /* that was heard of last */
    char peer[MINKE_PEER_BYTES];    /* the listener's */
    unsigned port;                  /* of that address */

    minke_connection_t connection; /* of the dialer */
    bool connected, ended;
    char remote[MINKE_ADDR_BYTES];
    minke_close_t close;
    meeting_stream_t streams[MEETING_STREAMS_MAX];
    size_t streams_n;

    size_t inbound, inbound_ended; /* connections of the listener's */
    minke_close_t inbound_close;

    bool listener_sleeps;
    void (*turn)(void *user);
    void *user;
    unsigned wakeups; /* turns in which no host had anything to tell */
} meeting_t;

/* `options` NULL: all defaults, of the dialer; the listener has them, and MEETING_MEMORY for each
 * connection. `address` NULL: no listener. */
void meeting_begin(meeting_t *m, const char *address, const minke_host_options_t *options);
/* Frees both, if they are there. */
void meeting_end(meeting_t *m);
/* From now on. */
void meeting_dial(meeting_t *m, const char *const *addresses, size_t n);
void meeting_dial_one(meeting_t *m, const char *address);
/* One turn, which waits 10 ms at most. */
void meeting_turn(meeting_t *m);
/* False: not within MEETING_PATIENCE_MS. */
bool meeting_run_until(meeting_t *m, const bool *flag);
bool meeting_connects(meeting_t *m);
/* Opens a stream whose echo is looked at; of no bytes it stays open, see meeting_send. */
void meeting_open(meeting_t *m, size_t bytes);
/* On each of the streams that there are, which have sent nothing yet. */
void meeting_send(meeting_t *m, size_t bytes);
/* All echoes are there, and right. */
bool meeting_echoes(meeting_t *m);
/* Dials, echoes 100 kB, and closes. */
void meeting_expect_success(meeting_t *m, const char *address);
/* Dials, and it fails for this reason. */
void meeting_expect_failure(meeting_t *m, const char *address, int code, const char *text);
/* Dials, echoes and closes again and again, while every single allocation of the dialer's fails once: each time the
 * dial fails or the connection ends, and nothing is left behind. Makes a new dialer, with these options, each time. */
void meeting_survives_without_memory(meeting_t *m, const char *address, minke_host_options_t *options);

int64_t meeting_now_ms(void);
/* Descriptors of this process. */
size_t meeting_descriptors(void);

#endif
