/*
 * Cuts a byte stream into Noise messages: 2 bytes of length, then the message (spec/host.md 5). A message that arrives
 * in one piece is handed on where it lies; only a cut one is copied.
 */
#ifndef MINKE_UPGRADE_FRAMES_H
#define MINKE_UPGRADE_FRAMES_H

#include "base/env.h"

enum { MINKE_FRAME_PREFIX_BYTES = 2, MINKE_FRAME_MAX = 65535 };

typedef struct minke_frames {
    const minke_env_t *env;
    uint8_t prefix[MINKE_FRAME_PREFIX_BYTES];
    uint8_t prefix_len;
    uint8_t *buffer; /* a message that was cut; NULL while there is none */
    size_t have, want;
} minke_frames_t;

void minke__frames_init(minke_frames_t *frames, const minke_env_t *env);
void minke__frames_free(minke_frames_t *frames);

/* The next whole message. 1: `message` is it, valid until the next call; 0: all of `data` is taken and there is none;
 * MINKE_ERROR_NO_MEMORY. Takes from the front of `data`. */
MINKE_MUST_USE int minke__frames_next(minke_frames_t *frames, uint8_t **data, size_t *len, uint8_t **message,
                                      size_t *message_len);

#endif
