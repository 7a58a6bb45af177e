/* WebSockets for tests: two ends and the byte stream between them, or one end and frames made by hand. */
#ifndef MINKE_TESTS_WEBSOCKET_ENDS_H
#define MINKE_TESTS_WEBSOCKET_ENDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/wire.h"
#include "support/test_env.h"
#include "websocket/websocket.h"

enum { CLIENT, SERVER };

/* What a client sends, without the empty line at the end, and the accept that answers it (RFC 6455 1.3). */
#define UPGRADE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define UPGRADE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

typedef struct ends {
    test_env_t test;
    minke_websocket_t *ends[2];
} ends_t;

/* Not upgraded yet. */
void ends_init(ends_t *ends, uint64_t seed);
/* Frees both, and sees that no memory is left. */
void ends_free(ends_t *ends);
/* Moves what `from` has to send to the other in pieces of at most `step` bytes; false: nothing. */
bool ends_carry(ends_t *ends, int from, size_t step);
/* Both ways, until nothing is left. */
void ends_run(ends_t *ends, size_t step);

/* An end that is OPEN, whose handshake was made by hand. */
minke_websocket_t *open_end(test_env_t *test, int role);
/* Writes a frame: its first byte (FIN, reserved bits, opcode), and a mask if `masked`. */
void put_frame(minke_writer_t *w, uint8_t first, bool masked, const void *payload, size_t len);
/* All that there is to transmit; the length is returned. */
size_t transmit_all(minke_websocket_t *ws, uint8_t *out, size_t capacity);
/* Reads and compares all that can be read. */
void expect_read(minke_websocket_t *ws, const void *expected, size_t len);
/* It has ended like this, and the text has this in it. */
void expect_ended(const minke_websocket_t *ws, int code, bool by_remote, const char *text);

#endif
