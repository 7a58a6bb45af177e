#include "websocket/upgrade.h"

#include <string.h>

#include "crypto/primitives.h"
#include "http/write.h"
#include "multiformats/multibase.h"

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */

enum { KEY_BYTES = 16, SHA1_BYTES = 20 };

/* `out` has room for it and the terminator. */
static void write_base64(const uint8_t *data, size_t len, char *out, size_t capacity)
{
    const ssize_t n = minke__base_encode(MINKE_BASE64_PADDED, data, len, out, capacity - 1);
    out[n > 0 ? n : 0] = 0;
}

void minke__websocket_key_new(const minke_env_t *env, char key[MINKE_WEBSOCKET_KEY_LEN + 1])
{
    uint8_t bytes[KEY_BYTES];
    minke__random_fill(env, bytes, sizeof bytes);
    write_base64(bytes, sizeof bytes, key, MINKE_WEBSOCKET_KEY_LEN + 1);
}

void minke__websocket_accept(const char key[MINKE_WEBSOCKET_KEY_LEN], char accept[MINKE_WEBSOCKET_ACCEPT_LEN + 1])
{
    uint8_t digest[SHA1_BYTES];
    char text[MINKE_WEBSOCKET_KEY_LEN + sizeof guid];
    minke_writer_t w = minke__writer(text, sizeof text);
    minke__write_bytes(&w, key, MINKE_WEBSOCKET_KEY_LEN);
    minke__write_text(&w, guid);
    minke__sha1(text, w.len, digest);
    write_base64(digest, sizeof digest, accept, MINKE_WEBSOCKET_ACCEPT_LEN + 1);
}

void minke__websocket_write_request(minke_writer_t *w, const char *host, const char *path, const char *key)
{
    minke__http_write_request(w, "GET", path);
    minke__http_write_field(w, "Host", host);
    minke__http_write_field(w, "Upgrade", "websocket");
    minke__http_write_field(w, "Connection", "Upgrade");
    minke__http_write_field(w, "Sec-WebSocket-Key", key);
    minke__http_write_field(w, "Sec-WebSocket-Version", "13");
    minke__http_write_end(w);
}

static bool is_upgrade(const minke_http_head_t *head)
{
    return minke__http_head_minor_version(head) == 1 && minke__http_head_field_has(head, "Upgrade", "websocket") &&
           minke__http_head_field_has(head, "Connection", "Upgrade");
}

static bool has_key(const minke_http_head_t *request, minke_http_text_t *key)
{
    uint8_t bytes[KEY_BYTES];
    return minke__http_head_field(request, "Sec-WebSocket-Key", key) == 1 && key->len == MINKE_WEBSOCKET_KEY_LEN &&
           minke__base_decode(MINKE_BASE64_PADDED, key->data, key->len, bytes, sizeof bytes) == KEY_BYTES;
}

unsigned minke__websocket_judge_request(const minke_http_head_t *request, const char **why)
{
    minke_http_text_t version, key;
    if (!is_upgrade(request)) {
        *why = "the request does not ask for a WebSocket";
        return 426;
    }
    if (minke__http_head_field(request, "Sec-WebSocket-Version", &version) != 1 ||
        !minke__http_text_is(version, "13")) {
        *why = "the request asks for another version of WebSocket";
        return 426;
    }
    *why = NULL;
    if (!minke__http_text_is(minke__http_head_method(request), "GET")) *why = "the request's method is not GET";
    else if (minke__http_head_announces_body(request)) *why = "the request has a body";
    else if (!has_key(request, &key)) *why = "the request's Sec-WebSocket-Key is not 16 bytes in base64";
    return *why == NULL ? 101 : 400;
}

static void write_refusal(minke_writer_t *w, unsigned status)
{
    static const char sentence[] = "This is a libp2p WebSocket listener.\n";
    minke__http_write_response(w, status, status == 426 ? "Upgrade Required" : "Bad Request");
    if (status == 426) { /* which must say to what (RFC 9110 15.5.22), and in which versions (RFC 6455 4.4) */
        minke__http_write_field(w, "Upgrade", "websocket");
        minke__http_write_field(w, "Sec-WebSocket-Version", "13");
    }
    minke__http_write_field(w, "Connection", status == 426 ? "Upgrade, close" : "close");
    minke__http_write_field(w, "Content-Type", "text/plain");
    minke__http_write_field_number(w, "Content-Length", sizeof sentence - 1);
    minke__http_write_end(w);
    minke__write_text(w, sentence);
}

/* No extension and no subprotocol that was offered is taken up: we have none. */
void minke__websocket_write_response(minke_writer_t *w, unsigned status, const minke_http_head_t *request)
{
    char accept[MINKE_WEBSOCKET_ACCEPT_LEN + 1];
    minke_http_text_t key;
    if (status != 101 || !has_key(request, &key)) {
        write_refusal(w, status);
        return;
    }
    minke__websocket_accept(key.data, accept);
    minke__http_write_response(w, status, "Switching Protocols");
    minke__http_write_field(w, "Upgrade", "websocket");
    minke__http_write_field(w, "Connection", "Upgrade");
    minke__http_write_field(w, "Sec-WebSocket-Accept", accept);
    minke__http_write_end(w);
}

const char *minke__websocket_judge_response(const minke_http_head_t *response, const char *key)
{
    char expected[MINKE_WEBSOCKET_ACCEPT_LEN + 1];
    minke_http_text_t accept;
    if (!is_upgrade(response)) return "the remote's response upgrades to something else";
    minke__websocket_accept(key, expected);
    if (minke__http_head_field(response, "Sec-WebSocket-Accept", &accept) != 1 ||
        !minke__http_text_is(accept, expected))
        return "the remote's response does not fit our key";
    /* We offer neither (RFC 6455 4.1, 5 and 6 of the client's checks). */
    if (minke__http_head_field(response, "Sec-WebSocket-Extensions", NULL) > 0)
        return "the remote's response has an extension that we did not offer";
    if (minke__http_head_field(response, "Sec-WebSocket-Protocol", NULL) > 0)
        return "the remote's response has a subprotocol that we did not offer";
    return NULL;
}
