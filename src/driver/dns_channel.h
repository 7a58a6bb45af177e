/*
 * c-ares behind a small door: questions in, answers out as calls, one descriptor for any loop.
 *
 * The channel is open while somebody waits for an answer. What it knows of the system (servers, hosts file, search
 * list) is read when it opens, so a machine that changes networks is followed.
 */
#ifndef MINKE_DRIVER_DNS_CHANNEL_H
#define MINKE_DRIVER_DNS_CHANNEL_H

#include "base/env.h"

typedef enum minke_dns_question {
    MINKE_DNS_ASK_IP4, /* also the hosts file */
    MINKE_DNS_ASK_IP6, /* likewise */
    MINKE_DNS_ASK_TXT
} minke_dns_question_t;

typedef enum minke_dns_failure {
    MINKE_DNS_FAILED_NOT, /* answered, perhaps with nothing */
    MINKE_DNS_FAILED_NO_DATA,
    MINKE_DNS_FAILED_NO_NAME,
    MINKE_DNS_FAILED_ANSWER,  /* the server failed, refused, or spoke nonsense */
    MINKE_DNS_FAILED_SILENCE, /* no server answered */
    MINKE_DNS_FAILED_NETWORK, /* no server could be reached, or each failed: c-ares 1.18 says the same of both */
    MINKE_DNS_FAILED_MEMORY
} minke_dns_failure_t;

/* Who hears the answers. They are called from inside ask, process and close, and must call none of these. */
typedef struct minke_dns_hearer {
    /* One address (4 or 16 bytes in network order), or the text of one TXT record. */
    void (*found)(void *asker, const uint8_t *bytes, size_t len);
    /* The last call for this question; each gets it exactly once. */
    void (*done)(void *asker, minke_dns_failure_t failure);
} minke_dns_hearer_t;

typedef struct minke_dns_channel {
    const minke_env_t *env;
    minke_dns_hearer_t hearer;
    char *servers;                    /* NULL: the system's */
    int epoll;                        /* the sockets of c-ares */
    struct ares_channeldata *channel; /* NULL: closed */
    size_t questions_n;               /* not answered yet */
} minke_dns_channel_t;

/* MINKE_ERROR_NO_MEMORY; MINKE_ERROR_SYSTEM; MINKE_ERROR_INVALID: `servers` is not "ADDRESS[:PORT],..". On failure
 * there is nothing to free. */
MINKE_MUST_USE int minke__dns_channel_init(minke_dns_channel_t *channel, const minke_env_t *env, const char *servers,
                                           minke_dns_hearer_t hearer);
void minke__dns_channel_free(minke_dns_channel_t *channel);

/* Asks, and opens the channel if need be. The answer may come before it returns. `name` is copied. */
void minke__dns_channel_ask(minke_dns_channel_t *channel, minke_dns_question_t question, const char *name, void *asker);
/* Ends every question, as failed by memory. */
void minke__dns_channel_close(minke_dns_channel_t *channel);
/* What has arrived, and who has waited too long. */
void minke__dns_channel_process(minke_dns_channel_t *channel);
/* How long until process must be called though the descriptor is quiet; MINKE_TIME_NEVER: no need. */
minke_time_t minke__dns_channel_wait(const minke_dns_channel_t *channel);

#endif
