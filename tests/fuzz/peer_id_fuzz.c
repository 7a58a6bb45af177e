/* Peer ids from bytes and from text: what is accepted prints as a text that reads back as the same id. */
#include <stdlib.h>
#include <string.h>

#include "crypto/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const minke_peer_id_t *id)
{
    char text[MINKE_PEER_ID_TEXT_BYTES];
    minke_peer_id_t again;
    minke__peer_id_text(id, text);
    if (!minke__peer_id_parse(text, strlen(text), &again) || !minke__peer_id_equal(id, &again)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    minke_peer_id_t id;
    if (minke__peer_id_from_bytes(data, size, &id)) check(&id);
    else if (id.len != 0) abort();
    if (minke__peer_id_parse((const char *)data, size, &id)) check(&id);
    else if (id.len != 0) abort();
    minke__peer_id_from_public_key(data, size, &id);
    if (size > 0) check(&id);
    return 0;
}
