/*
 * The header of a yamux frame (spec/host.md 7):
 *
 *     version 0 (1) | type (1) | flags (2) | stream id (4) | length (4)         big-endian
 */
#ifndef MINKE_YAMUX_FRAME_H
#define MINKE_YAMUX_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum { MINKE_YAMUX_HEADER_BYTES = 12 };

typedef enum minke_yamux_type {
    MINKE_YAMUX_DATA = 0,          /* `len` bytes follow */
    MINKE_YAMUX_WINDOW_UPDATE = 1, /* `len` more bytes may be sent */
    MINKE_YAMUX_PING = 2,          /* `len` is an opaque value: SYN asks, ACK answers */
    MINKE_YAMUX_GO_AWAY = 3        /* `len` is a minke_yamux_go_away_t */
} minke_yamux_type_t;

enum { MINKE_YAMUX_SYN = 1, MINKE_YAMUX_ACK = 2, MINKE_YAMUX_FIN = 4, MINKE_YAMUX_RST = 8 };

typedef enum minke_yamux_go_away {
    MINKE_YAMUX_NORMAL = 0,
    MINKE_YAMUX_PROTOCOL_ERROR = 1,
    MINKE_YAMUX_INTERNAL_ERROR = 2
} minke_yamux_go_away_t;

typedef struct minke_yamux_frame {
    uint8_t type; /* minke_yamux_type_t */
    uint16_t flags;
    uint32_t stream; /* 0: the session */
    uint32_t len;
} minke_yamux_frame_t;

void minke__yamux_frame_write(uint8_t out[MINKE_YAMUX_HEADER_BYTES], const minke_yamux_frame_t *frame);
/* False: another version, or an unknown type. Unknown flags are let through. */
bool minke__yamux_frame_read(const uint8_t in[MINKE_YAMUX_HEADER_BYTES], minke_yamux_frame_t *frame);

#endif
