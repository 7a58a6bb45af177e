#include "yamux/frame.h"

#include "base/wire.h"

void minke__yamux_frame_write(uint8_t out[MINKE_YAMUX_HEADER_BYTES], const minke_yamux_frame_t *frame)
{
    minke_writer_t w = minke__writer(out, MINKE_YAMUX_HEADER_BYTES);
    minke__write_u8(&w, 0);
    minke__write_u8(&w, frame->type);
    minke__write_u16(&w, frame->flags);
    minke__write_u32(&w, frame->stream);
    minke__write_u32(&w, frame->len);
}

bool minke__yamux_frame_read(const uint8_t in[MINKE_YAMUX_HEADER_BYTES], minke_yamux_frame_t *frame)
{
    minke_reader_t r = minke__reader(in, MINKE_YAMUX_HEADER_BYTES);
    const uint8_t version = minke__read_u8(&r);
    frame->type = minke__read_u8(&r);
    frame->flags = minke__read_u16(&r);
    frame->stream = minke__read_u32(&r);
    frame->len = minke__read_u32(&r);
    return version == 0 && frame->type <= MINKE_YAMUX_GO_AWAY;
}
