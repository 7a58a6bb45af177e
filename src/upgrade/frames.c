#include "upgrade/frames.h"

#include <string.h>

void minke__frames_init(minke_frames_t *frames, const minke_env_t *env) { *frames = (minke_frames_t){.env = env}; }

static void drop_buffer(minke_frames_t *frames)
{
    minke__free(frames->env, frames->buffer);
    frames->buffer = NULL;
    frames->have = 0;
}

void minke__frames_free(minke_frames_t *frames) { drop_buffer(frames); }

static size_t take(uint8_t **data, size_t *len, void *out, size_t wanted)
{
    const size_t n = *len < wanted ? *len : wanted;
    memcpy(out, *data, n);
    *data += n;
    *len -= n;
    return n;
}

/* False: the length is not known yet. */
static bool read_prefix(minke_frames_t *frames, uint8_t **data, size_t *len)
{
    const size_t missing = (size_t)MINKE_FRAME_PREFIX_BYTES - frames->prefix_len;
    frames->prefix_len = (uint8_t)(frames->prefix_len + take(data, len, frames->prefix + frames->prefix_len, missing));
    if (frames->prefix_len < MINKE_FRAME_PREFIX_BYTES) return false;
    frames->want = (size_t)frames->prefix[0] << 8 | frames->prefix[1];
    return true;
}

int minke__frames_next(minke_frames_t *frames, uint8_t **data, size_t *len, uint8_t **message, size_t *message_len)
{
    if (frames->buffer != NULL && frames->have == frames->want)
        drop_buffer(frames); /* the last one has been looked at */
    if (frames->buffer == NULL) {
        if (!read_prefix(frames, data, len)) return 0;
        if (*len >= frames->want) {
            *message = *data;
            *message_len = frames->want;
            *data += frames->want;
            *len -= frames->want;
            frames->prefix_len = 0;
            return 1;
        }
        frames->buffer = minke__alloc(frames->env, frames->want);
        if (frames->buffer == NULL) return MINKE_ERROR_NO_MEMORY;
    }
    frames->have += take(data, len, frames->buffer + frames->have, frames->want - frames->have);
    if (frames->have < frames->want) return 0;
    frames->prefix_len = 0;
    *message = frames->buffer;
    *message_len = frames->want;
    return 1;
}
