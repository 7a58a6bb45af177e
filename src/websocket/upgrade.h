/*
 * The opening handshake (RFC 6455 4): what both heads must say. Knows nothing of connections.
 *
 *     GET path HTTP/1.1, key  -->
 *                            <--  101, accept = base64(SHA-1(key and a fixed GUID)), or a refusal with a sentence in it
 */
#ifndef MINKE_WEBSOCKET_UPGRADE_H
#define MINKE_WEBSOCKET_UPGRADE_H

#include "base/env.h"
#include "base/wire.h"
#include "http/head.h"

enum {
    MINKE_WEBSOCKET_KEY_LEN = 24, /* 16 bytes in base64 */
    MINKE_WEBSOCKET_ACCEPT_LEN = 28,
    MINKE_WEBSOCKET_RESPONSE_MAX = 512 /* no response of ours is longer */
};

/* A random key, terminated. */
void minke__websocket_key_new(const minke_env_t *env, char key[MINKE_WEBSOCKET_KEY_LEN + 1]);
/* What answers the key: terminated. */
void minke__websocket_accept(const char key[MINKE_WEBSOCKET_KEY_LEN], char accept[MINKE_WEBSOCKET_ACCEPT_LEN + 1]);

void minke__websocket_write_request(minke_writer_t *w, const char *host, const char *path, const char *key);
/* How to answer a complete request: 101, 400 or 426, and unless it is 101 a sentence that says why in `why`. */
unsigned minke__websocket_judge_request(const minke_http_head_t *request, const char **why);
/* `request` is looked at for 101 only. */
void minke__websocket_write_response(minke_writer_t *w, unsigned status, const minke_http_head_t *request);
/* NULL: a complete response with status 101 completes the upgrade of this key. Else a sentence that says why not. */
const char *minke__websocket_judge_response(const minke_http_head_t *response, const char *key);

#endif
