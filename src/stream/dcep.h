/* The Data Channel Establishment Protocol (RFC 8832): two messages on PPID 50, OPEN and ACK. */
#ifndef MINKE_STREAM_DCEP_H
#define MINKE_STREAM_DCEP_H

#include "base/wire.h"

enum { MINKE_DCEP_ACK = 2, MINKE_DCEP_OPEN = 3 };

enum {
    MINKE_DCEP_OPEN_BYTES = 12, /* of an OPEN without label and protocol */
    MINKE_DCEP_HEAD_BYTES = 16  /* as much of an OPEN as decides anything: the fixed part and the label "init" */
};

typedef enum minke_dcep_verdict {
    MINKE_DCEP_STREAM,     /* opens a libp2p stream; its label does not matter */
    MINKE_DCEP_INIT,       /* the label "init": the set-up channel of private WebRTC, not a stream */
    MINKE_DCEP_MALFORMED,  /* short, or lengths past the end */
    MINKE_DCEP_UNSUPPORTED /* unordered or partially reliable */
} minke_dcep_verdict_t;

/* An OPEN of `total` bytes, of which the first min(total, MINKE_DCEP_HEAD_BYTES) are at `head`. */
minke_dcep_verdict_t minke__dcep_judge_open(const uint8_t *head, size_t total);
/* Reliable, ordered, no protocol; without a label, or with "init". */
void minke__dcep_write_open(minke_writer_t *w, bool init);

#endif
