/*
 * The message frames inside a data channel: uvarint(n), then n bytes of protobuf (spec/streams.md 4).
 *
 *     message Message { optional Flag flag = 1; optional bytes message = 2; optional uint32 errorCode = 3; }
 *
 * The reader takes the bytes of a channel however SCTP cut them: go sends the length and the body as two user messages,
 * js joins or splits as it likes. It holds no payload: that is handed on in place, piece by piece.
 */
#ifndef MINKE_STREAM_FRAME_H
#define MINKE_STREAM_FRAME_H

#include "base/wire.h"
#include "sctp/message.h"

typedef enum minke_frame_flag {
    MINKE_FRAME_FIN = 0,
    MINKE_FRAME_STOP_SENDING = 1,
    MINKE_FRAME_RESET = 2,
    MINKE_FRAME_FIN_ACK = 3,
    MINKE_FRAME_NO_FLAG = 0xff /* absent, or a value that nobody knows */
} minke_frame_flag_t;

enum {
    MINKE_FRAME_BYTES_MAX = 16384,    /* a frame of ours, prefix included: what every peer accepts */
    MINKE_FRAME_PAYLOAD_MAX = 16377,  /* its payload: the usual 7 bytes of overhead stay free */
    MINKE_FRAME_PAYLOAD_SMALL = 4089, /* the same for remotes that read through a buffer of 4096 bytes */
    MINKE_FRAME_HEADROOM = 5,         /* uvarint of the length, tag, uvarint of the payload's length */
    MINKE_FRAME_CONTROL_MAX = 9       /* length, flag, and an errorCode of five bytes */
};

/* All zero at the start of a channel. */
typedef struct minke_frame_parser {
    uint64_t value;      /* of the varint that is being read */
    uint32_t frame_left; /* bytes of the frame not yet seen */
    uint32_t field_left; /* bytes of a payload or of an unknown field not yet seen */
    uint32_t code;       /* errorCode of this frame, 0 if absent */
    uint8_t state;
    uint8_t shift;
    uint8_t flag; /* minke_frame_flag_t of this frame */
    bool has_payload;
} minke_frame_parser_t;

typedef enum minke_frame_step {
    MINKE_FRAME_MORE,     /* all input is used */
    MINKE_FRAME_PAYLOAD,  /* `*payload` and `*len`: the next bytes of the stream */
    MINKE_FRAME_END,      /* a frame is complete; parser->flag and ->code are its own. They take effect now, after the
                             payload, whatever the order of the fields was */
    MINKE_FRAME_MALFORMED /* for good: the parser must not be used again */
} minke_frame_step_t;

minke_frame_step_t minke__frame_next(minke_frame_parser_t *parser, uint32_t frame_max, minke_reader_t *r,
                                     const uint8_t **payload, size_t *len);

/* Writes the header of a data frame into the headroom (MINKE_FRAME_HEADROOM bytes) in front of its payload. */
void minke__frame_seal(minke_message_t *message);
/* A frame with a flag and nothing else; `code` 0 is not written. */
void minke__frame_write_flag(minke_writer_t *w, minke_frame_flag_t flag, uint32_t code);

#endif
