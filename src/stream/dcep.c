#include "stream/dcep.h"

#include <string.h>

enum { CHANNEL_TYPE_RELIABLE = 0x00 };

static const char INIT[] = {'i', 'n', 'i', 't'};

minke_dcep_verdict_t minke__dcep_judge_open(const uint8_t *head, size_t total)
{
    minke_reader_t r = minke__reader(head, total < MINKE_DCEP_HEAD_BYTES ? total : MINKE_DCEP_HEAD_BYTES);
    const uint8_t type = minke__read_u8(&r);
    const uint8_t channel_type = minke__read_u8(&r);
    (void)minke__read_u16(&r); /* priority */
    (void)minke__read_u32(&r); /* reliability parameter */
    const size_t label_len = minke__read_u16(&r);
    const size_t protocol_len = minke__read_u16(&r);
    if (r.failed || type != MINKE_DCEP_OPEN) return MINKE_DCEP_MALFORMED;
    if (MINKE_DCEP_OPEN_BYTES + label_len + protocol_len > total) return MINKE_DCEP_MALFORMED;
    if (channel_type != CHANNEL_TYPE_RELIABLE) return MINKE_DCEP_UNSUPPORTED;
    if (label_len != sizeof INIT) return MINKE_DCEP_STREAM;
    return memcmp(minke__read_bytes(&r, sizeof INIT), INIT, sizeof INIT) == 0 ? MINKE_DCEP_INIT : MINKE_DCEP_STREAM;
}

void minke__dcep_write_open(minke_writer_t *w, bool init)
{
    minke__write_u8(w, MINKE_DCEP_OPEN);
    minke__write_u8(w, CHANNEL_TYPE_RELIABLE);
    minke__write_zeros(w, 6); /* priority and reliability parameter */
    minke__write_u16(w, init ? sizeof INIT : 0);
    minke__write_u16(w, 0);
    if (init) minke__write_bytes(w, INIT, sizeof INIT);
}
