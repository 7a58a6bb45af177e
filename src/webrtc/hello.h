/*
 * The ClientHello of a dial goes out behind the first check, before anybody has answered: a listener that answers both
 * at once spares a round trip. It is no larger than the check, is sent to an address once, and again only when that has
 * answered, so that who is dialled because somebody has named his address gets no more than twice a check. Of several
 * attempts one has it at a time, the first; the others make up for it when they are answered.
 *
 *   made --(the first check)--> sent there --(an answer)--> once more, byte for byte, unless the listener's flight
 *                                                           comes first
 *
 * Once more, because listeners may throw away what comes before they have made up their minds (libdatachannel does);
 * byte for byte, because the others then take the second for a copy of the first. From there on DTLS repeats it itself.
 */
#ifndef MINKE_WEBRTC_HELLO_H
#define MINKE_WEBRTC_HELLO_H

#include "dtls/dtls.h"

typedef struct minke_hello {
    minke_time_t again_at; /* NEVER: not before an answer */
    size_t len;
    minke_path_t early_path; /* a datagram of DTLS that has overtaken the answer: the flight of a listener is one */
    size_t early_len;        /* 0: none */
    uint8_t *early;
    uint8_t bytes[];
} minke_hello_t;

/* Lets DTLS begin. NULL when out of memory. */
MINKE_MUST_USE minke_hello_t *minke__hello_new(const minke_env_t *env, minke_dtls_t *dtls, minke_time_t now);
/* NULL is allowed. */
void minke__hello_free(const minke_env_t *env, minke_hello_t *hello);
/* The datagram; its length. */
MINKE_MUST_USE size_t minke__hello_write(const minke_hello_t *hello, uint8_t *out, size_t capacity);
/* DTLS has come from an attempt that is not answered yet: the first datagram is kept. */
void minke__hello_keep(const minke_env_t *env, minke_hello_t *hello, const minke_train_t *train,
                       const minke_path_t *path);
/* An attempt is answered. `first`: on its first check, so that the hello behind that may have been taken, too. */
void minke__hello_answered(minke_hello_t *hello, bool first, minke_time_t now);

#endif
