/*
 * One association against a script: packets are written and expected as hexadecimal text, without common header and
 * checksum, which are added and checked here. What the layer above sees is logged as text.
 */
#ifndef MINKE_TESTS_SCTP_SCRIPT_H
#define MINKE_TESTS_SCTP_SCRIPT_H

#include "sctp/sctp.h"
#include "support/test_env.h"

enum { SCRIPT_MS = 1000, SCRIPT_S = 1000000, SCRIPT_PEER_TAG = 0x11223344, SCRIPT_PEER_TSN = 0x20 };

typedef struct script {
    test_env_t test;
    minke_sctp_t *sctp;
    minke_time_t now;
    uint32_t tag, tsn;    /* ours, as the INIT said */
    uint8_t packet[2048]; /* the last one sent */
    size_t packet_len;
    char log[32768];                /* "data 2 [abc]", "reset 2", "reset_done 2 ok", "done 7", .. separated by "; " */
    minke_message_t *first, **last; /* what next_message will give */
    size_t messages;                /* given and not returned */
    bool consume;                   /* at once; true by default */
    bool reset_back;                /* answer a stream reset with our own, from inside the callback */
    bool abort_on_done;             /* the same when a message is given back */
    bool abort_on_data;             /* abort from inside the callback */
    bool large;                     /* packets may be larger than the smallest maximum */
} script_t;

void script_init(script_t *script, const minke_sctp_options_t *options);
/* The same with our initial TSN and tag chosen. */
void script_init_at(script_t *script, const minke_sctp_options_t *options, uint32_t tsn);
void script_free(script_t *script);
/* Our INIT goes out and tells tag and TSN. */
void script_connect(script_t *script);
/* Through INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, with the peer's tag and TSN from above. */
void script_establish(script_t *script);
/* The same with a peer that offers another window and TSN. */
void script_establish_with(script_t *script, uint32_t window, uint32_t peer_tsn);

/* Chunks from the peer, one packet, one train. */
void script_recv(script_t *script, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same without the end of the train. */
void script_recv_more(script_t *script, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Under another verification tag. */
void script_recv_tagged(script_t *script, uint32_t tag, const char *hex);
/* A DATA chunk with `text` as data, padded; flags as text of "BEUI". */
const char *script_data(uint32_t tsn, unsigned stream, unsigned ssn, const char *flags, const char *text);

/* The next packet out must hold these chunks. */
void script_expect(script_t *script, const char *format, ...) __attribute__((format(printf, 2, 3)));
void script_expect_nothing(script_t *script);
/* Takes the next packet; false if there is none. */
bool script_take(script_t *script);
/* Chunks of the packet taken last, as hexadecimal text. */
const char *script_chunks(const script_t *script);
/* Takes whatever is to be sent; returns the number of packets. */
unsigned script_drain(script_t *script);

/* To the next deadline, or on by a span if that comes first; timers fire. */
void script_wait(script_t *script, minke_time_t span);

void script_message(script_t *script, uint16_t stream, const char *text);
void script_long_message(script_t *script, uint16_t stream, uint32_t len);
/* The log since the last call must be this. */
void script_saw(script_t *script, const char *log);
uint32_t script_u32(const uint8_t *at);

#endif
