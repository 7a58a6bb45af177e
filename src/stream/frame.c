#include "stream/frame.h"

#include <assert.h>
#include <string.h>

enum { FIELD_FLAG = 1, FIELD_MESSAGE = 2, FIELD_CODE = 3 };
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };
enum { TAG_FLAG = FIELD_FLAG << 3, TAG_MESSAGE = FIELD_MESSAGE << 3 | WIRE_BYTES, TAG_CODE = FIELD_CODE << 3 };

/* LENGTH is where a zeroed parser starts. All but the last two wait for a varint. */
enum { LENGTH, TAG, FLAG, CODE, PAYLOAD_LENGTH, OTHER_VARINT, OTHER_LENGTH, PAYLOAD, OTHER_BYTES };

static bool start_field(minke_frame_parser_t *p, uint64_t len, uint8_t state)
{
    if (len > p->frame_left) return false;
    p->field_left = (uint32_t)len;
    p->state = len > 0 ? state : TAG;
    return true;
}

static bool start_frame(minke_frame_parser_t *p, uint64_t len, uint32_t frame_max)
{
    if (len > frame_max) return false;
    p->frame_left = (uint32_t)len;
    p->flag = MINKE_FRAME_NO_FLAG;
    p->code = 0;
    p->has_payload = false;
    p->state = TAG;
    return true;
}

static bool take_tag(minke_frame_parser_t *p, uint64_t tag)
{
    if (tag > UINT32_MAX || tag >> 3 == 0) return false;
    switch (tag & 7) {
    case WIRE_VARINT: p->state = tag == TAG_FLAG ? FLAG : tag == TAG_CODE ? CODE : OTHER_VARINT; return true;
    case WIRE_BYTES: p->state = tag == TAG_MESSAGE ? PAYLOAD_LENGTH : OTHER_LENGTH; return true;
    case WIRE_FIXED64: return start_field(p, 8, OTHER_BYTES);
    case WIRE_FIXED32: return start_field(p, 4, OTHER_BYTES);
    default: return false;
    }
}

static bool take_varint(minke_frame_parser_t *p, uint64_t value, uint32_t frame_max)
{
    const uint8_t state = p->state;
    p->state = TAG;
    switch (state) {
    case LENGTH: return start_frame(p, value, frame_max);
    case TAG: return take_tag(p, value);
    case FLAG: p->flag = value <= MINKE_FRAME_FIN_ACK ? (uint8_t)value : MINKE_FRAME_NO_FLAG; return true;
    case CODE: p->code = (uint32_t)value; return true;
    case OTHER_LENGTH: return start_field(p, value, OTHER_BYTES);
    case PAYLOAD_LENGTH:
        /* In protobuf the last of two would win, which a reader that holds nothing cannot do; nobody sends two. */
        if (p->has_payload) return false;
        p->has_payload = true;
        return start_field(p, value, PAYLOAD);
    default: return true;
    }
}

/* One byte of a varint; false when it is malformed. The length prefix is a multiformats varint, minimal and short;
 * those inside are protobuf's, which may be neither. */
static bool take_byte(minke_frame_parser_t *p, uint8_t byte, uint32_t frame_max)
{
    const bool prefix = p->state == LENGTH;
    if (prefix && byte == 0 && p->shift > 0) return false;
    if (p->shift > (prefix ? 28 : 63) || (p->shift == 63 && byte > 1)) return false;
    p->value |= (uint64_t)(byte & 0x7f) << p->shift;
    p->shift = (uint8_t)(p->shift + 7);
    if (!prefix) p->frame_left--;
    if ((byte & 0x80) == 0) {
        const uint64_t value = p->value;
        p->value = 0;
        p->shift = 0;
        if (!take_varint(p, value, frame_max)) return false;
    }
    /* A field must not be cut by the end of its frame. */
    const bool inside_field = p->shift > 0 || p->state > TAG;
    return p->state == LENGTH || !inside_field || p->frame_left > 0;
}

static const uint8_t *take_field(minke_frame_parser_t *p, minke_reader_t *r, size_t *len)
{
    const size_t left = minke__reader_left(r);
    *len = left < p->field_left ? left : p->field_left;
    p->field_left -= (uint32_t)*len;
    p->frame_left -= (uint32_t)*len;
    if (p->field_left == 0) p->state = TAG;
    return minke__read_bytes(r, *len);
}

minke_frame_step_t minke__frame_next(minke_frame_parser_t *parser, uint32_t frame_max, minke_reader_t *r,
                                     const uint8_t **payload, size_t *len)
{
    for (;;) {
        if (parser->state == TAG && parser->shift == 0 && parser->frame_left == 0) {
            parser->state = LENGTH;
            return MINKE_FRAME_END;
        }
        if (minke__reader_left(r) == 0) return MINKE_FRAME_MORE;
        if (parser->state == PAYLOAD) {
            *payload = take_field(parser, r, len);
            return MINKE_FRAME_PAYLOAD;
        }
        if (parser->state == OTHER_BYTES) {
            size_t skipped;
            (void)take_field(parser, r, &skipped);
        } else if (!take_byte(parser, minke__read_u8(r), frame_max)) {
            return MINKE_FRAME_MALFORMED;
        }
    }
}

void minke__frame_seal(minke_message_t *message)
{
    const uint32_t len = message->end - message->start;
    assert(len <= MINKE_FRAME_PAYLOAD_MAX && message->start >= MINKE_FRAME_HEADROOM);
    uint8_t header[MINKE_FRAME_HEADROOM];
    minke_writer_t w = minke__writer(header, sizeof header);
    minke__write_uvarint(&w, 1 + minke__uvarint_len(len) + len);
    minke__write_u8(&w, TAG_MESSAGE);
    minke__write_uvarint(&w, len);
    assert(!w.failed);
    message->start -= (uint32_t)w.len;
    memcpy(message->bytes + message->start, header, w.len);
}

void minke__frame_write_flag(minke_writer_t *w, minke_frame_flag_t flag, uint32_t code)
{
    minke__write_uvarint(w, 2 + (code != 0 ? 1 + minke__uvarint_len(code) : 0));
    minke__write_u8(w, TAG_FLAG);
    minke__write_u8(w, (uint8_t)flag);
    if (code == 0) return;
    minke__write_u8(w, TAG_CODE);
    minke__write_uvarint(w, code);
}
