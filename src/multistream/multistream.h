/*
 * multistream-select 1.0 on one byte stream, either role (spec/host.md 4). Bytes in, bytes out; it never takes more
 * than belongs to the negotiation, so what follows is the protocol's.
 */
#ifndef MINKE_MULTISTREAM_MULTISTREAM_H
#define MINKE_MULTISTREAM_MULTISTREAM_H

#include "base/env.h"
#include "base/wire.h"

enum { MINKE_MULTISTREAM_MESSAGE_MAX = 1024, MINKE_MULTISTREAM_ROUNDS_MAX = 10, MINKE_PROTOCOL_MAX = 255 };

/* Small, because every stream has one for a round trip: names longer than MINKE_PROTOCOL_MAX, which no protocol of ours
 * has, are answered without being kept. */
typedef struct minke_multistream {
    const char *const *protocols; /* initiator: what to propose, in order */
    size_t protocols_n;
    int selected;
    bool initiator;
    bool in_text; /* of the message being read; else in its length prefix */
    uint8_t state;
    uint8_t rounds;       /* `na` so far */
    uint8_t prefix_bytes; /* read so far */
    uint16_t expected;    /* the length they say, newline included */
    uint16_t have;        /* bytes of text so far */
    uint8_t message[MINKE_PROTOCOL_MAX + 1];
} minke_multistream_t;

typedef enum minke_multistream_result {
    MINKE_MULTISTREAM_MORE,     /* needs more bytes */
    MINKE_MULTISTREAM_SELECTED, /* done: minke__multistream_protocol */
    MINKE_MULTISTREAM_REFUSED,  /* initiator: the remote knows none of them */
    MINKE_MULTISTREAM_FAILED    /* malformed, too long, or too many rounds */
} minke_multistream_result_t;

/* Does the responder serve this protocol? Returns an index >= 0, or -1. The name is not terminated. */
typedef int (*minke_multistream_lookup_t)(void *user, const char *name, size_t len);

/* At least one name, each of at most MINKE_PROTOCOL_MAX bytes. Array and names must outlive the negotiation. */
void minke__multistream_initiate(minke_multistream_t *negotiation, const char *const *protocols, size_t n);
void minke__multistream_respond(minke_multistream_t *negotiation);
/* The initiator's first bytes: header and first proposal. Data of that protocol may follow at once when it is the only
 * one proposed; it is lost if the remote refuses. */
void minke__multistream_start(minke_multistream_t *negotiation, minke_writer_t *out);
/*
 * Reads from `in` up to the end of the negotiation and writes answers to `out` (4 KiB of room is always enough for a
 * whole negotiation). `*taken` bytes of input were used. After the end it takes nothing and says the same again.
 */
minke_multistream_result_t minke__multistream_recv(minke_multistream_t *negotiation, const uint8_t *in, size_t len,
                                                   size_t *taken, minke_writer_t *out,
                                                   minke_multistream_lookup_t lookup, void *user);
/* After SELECTED: the index of the protocol, in `protocols` or as lookup gave it. */
int minke__multistream_protocol(const minke_multistream_t *negotiation);

#endif
