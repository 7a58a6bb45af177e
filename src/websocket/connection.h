/*
 * What the files of this folder share: websocket.c (life and bytes), upgrade.c (the heads), frames.c (all that uses
 * wslay).
 */
#ifndef MINKE_WEBSOCKET_CONNECTION_H
#define MINKE_WEBSOCKET_CONNECTION_H

#include <wslay/wslay.h>

#include "base/byte_queue.h"
#include "base/wire.h"
#include "http/head.h"
#include "websocket/upgrade.h"
#include "websocket/websocket.h"

enum { MINKE_WEBSOCKET_CONTROL_MAX = 125 }; /* payload of a control frame (RFC 6455 5.5) */

/* Of a close frame (RFC 6455 7.4.1). */
enum {
    MINKE_WEBSOCKET_CLOSE_NORMAL = 1000,
    MINKE_WEBSOCKET_CLOSE_GOING_AWAY = 1001,
    MINKE_WEBSOCKET_CLOSE_PROTOCOL_ERROR = 1002,
    MINKE_WEBSOCKET_CLOSE_UNSUPPORTED = 1003,
    MINKE_WEBSOCKET_CLOSE_POLICY = 1008,
    MINKE_WEBSOCKET_CLOSE_INTERNAL = 1011
};

typedef struct minke_websocket_control {
    uint8_t len;
    uint8_t bytes[MINKE_WEBSOCKET_CONTROL_MAX];
} minke_websocket_control_t;

struct minke_websocket {
    const minke_env_t *env;
    bool client;
    minke_websocket_state_t state;
    minke_close_t close;
    minke_byte_queue_t unread; /* payload for the layer above */
    minke_byte_queue_t unsent; /* bytes for the connection below, whole frames behind one another */
    /* HANDSHAKE */
    minke_http_head_t *head;               /* the remote's, as it comes; NULL afterwards */
    char key[MINKE_WEBSOCKET_KEY_LEN + 1]; /* the client's, terminated */
    /* OPEN */
    struct wslay_frame_context *frames; /* from malloc, some 4 KiB: wslay knows no other allocator */
    bool frame_cut_short;               /* memory ran out within a frame to send: nothing can follow it */
    bool in_message;                    /* of the remote's: its last data frame had no FIN */
    bool pong_due;
    uint8_t opcode;       /* of the frame that is being received */
    uint64_t frame_left;  /* payload bytes of it that are missing; 0: the next piece begins a frame */
    minke_reader_t input; /* the bytes of the recv call that is going on */
    minke_websocket_control_t control, pong;
};

/* ENDED, unless it is already. `detail`, which may be NULL, is the remote's and comes behind the text, made printable.
 */
void minke__websocket_end(minke_websocket_t *ws, int code, bool by_remote, const char *text,
                          const minke_http_text_t *detail);

/* frames.c */
MINKE_MUST_USE int minke__websocket_frames_begin(minke_websocket_t *ws);
void minke__websocket_frames_free(minke_websocket_t *ws);
void minke__websocket_frames_recv(minke_websocket_t *ws, const uint8_t *data, size_t len);
/* One whole frame. MINKE_ERROR_NO_MEMORY: it is cut short, and no more can be sent. */
MINKE_MUST_USE int minke__websocket_frame_send(minke_websocket_t *ws, enum wslay_opcode opcode, const uint8_t *data,
                                               size_t len);
/* A close frame with this code, which is all that can be done if there is no memory for it. */
void minke__websocket_send_close(minke_websocket_t *ws, unsigned code);

#endif
