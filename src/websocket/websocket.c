#include "websocket/websocket.h"

#include <string.h>

#include "websocket/connection.h"

/* ---- life */

static minke_websocket_t *new_websocket(const minke_env_t *env, bool client)
{
    minke_websocket_t *ws = minke__alloc_zero(env, sizeof *ws);
    if (ws == NULL) return NULL;
    ws->env = env;
    ws->client = client;
    ws->head = minke__alloc(env, sizeof *ws->head);
    if (ws->head == NULL) {
        minke__free(env, ws);
        return NULL;
    }
    minke__http_head_init(ws->head, client ? MINKE_HTTP_RESPONSE : MINKE_HTTP_REQUEST);
    return ws;
}

minke_websocket_t *minke__websocket_server(const minke_env_t *env) { return new_websocket(env, false); }

minke_websocket_t *minke__websocket_client(const minke_env_t *env, const char *host, const char *path)
{
    uint8_t request[MINKE_WEBSOCKET_REQUEST_MAX];
    minke_writer_t w = minke__writer(request, sizeof request);
    minke_websocket_t *ws = new_websocket(env, true);
    if (ws == NULL) return NULL;
    minke__websocket_key_new(env, ws->key);
    minke__websocket_write_request(&w, host, path, ws->key);
    if (w.failed) {
        minke__websocket_end(ws, MINKE_ERROR_INVALID, false, "no request can be made of that host and path", NULL);
    } else if (minke__byte_queue_append(&ws->unsent, env, request, w.len) < 0) {
        minke__websocket_free(ws);
        return NULL;
    }
    return ws;
}

static void free_head(minke_websocket_t *ws)
{
    minke__free(ws->env, ws->head);
    ws->head = NULL;
}

void minke__websocket_free(minke_websocket_t *ws)
{
    if (ws == NULL) return;
    free_head(ws);
    minke__websocket_frames_free(ws);
    minke__byte_queue_free(&ws->unread, ws->env);
    minke__byte_queue_free(&ws->unsent, ws->env);
    minke__free(ws->env, ws);
}

static void write_printable(minke_writer_t *w, const minke_http_text_t *text)
{
    for (size_t i = 0; i < text->len && minke__writer_left(w) > 1; i++) {
        const char c = text->data[i];
        minke__write_u8(w, c >= ' ' && c <= '~' ? (uint8_t)c : '?');
    }
}

void minke__websocket_end(minke_websocket_t *ws, int code, bool by_remote, const char *text,
                          const minke_http_text_t *detail)
{
    if (ws->state == MINKE_WEBSOCKET_ENDED) return;
    ws->state = MINKE_WEBSOCKET_ENDED;
    ws->close = (minke_close_t){.layer = MINKE_LAYER_NETWORK, .code = code, .by_remote = by_remote};
    minke_writer_t w = minke__writer(ws->close.text, sizeof ws->close.text);
    minke__write_text(&w, text);
    if (detail != NULL) write_printable(&w, detail);
    minke__write_terminator(&w);
}

minke_websocket_state_t minke__websocket_state(const minke_websocket_t *ws) { return ws->state; }

const minke_close_t *minke__websocket_close_reason(const minke_websocket_t *ws)
{
    return ws->state == MINKE_WEBSOCKET_ENDED ? &ws->close : NULL;
}

void minke__websocket_close(minke_websocket_t *ws)
{
    if (ws->state == MINKE_WEBSOCKET_OPEN) minke__websocket_send_close(ws, MINKE_WEBSOCKET_CLOSE_NORMAL);
    minke__websocket_end(ws, MINKE_OK, false, "closed", NULL);
}

/* ---- the handshake */

static void open_up(minke_websocket_t *ws)
{
    if (minke__websocket_frames_begin(ws) < 0) {
        minke__websocket_end(ws, MINKE_ERROR_NO_MEMORY, false, "out of memory", NULL);
        return;
    }
    ws->state = MINKE_WEBSOCKET_OPEN;
}

/* `result` is what the head's parser says. */
static void request_arrived(minke_websocket_t *ws, int result)
{
    uint8_t response[MINKE_WEBSOCKET_RESPONSE_MAX];
    minke_writer_t w = minke__writer(response, sizeof response);
    const char *why = minke__http_head_error(ws->head);
    const unsigned status = result == MINKE_OK ? minke__websocket_judge_request(ws->head, &why) : 400;
    minke__websocket_write_response(&w, status, ws->head);
    if (minke__byte_queue_append(&ws->unsent, ws->env, response, w.len) < 0) {
        minke__websocket_end(ws, MINKE_ERROR_NO_MEMORY, false, "out of memory", NULL);
    } else if (status == 101) {
        open_up(ws);
    } else {
        minke__websocket_end(ws, status == 426 ? MINKE_ERROR_UNSUPPORTED : MINKE_ERROR_MALFORMED, false, why, NULL);
    }
}

static void refused(minke_websocket_t *ws)
{
    char text[64];
    minke_writer_t w = minke__writer(text, sizeof text);
    const minke_http_text_t reason = minke__http_head_reason(ws->head);
    minke__write_text(&w, "the remote refuses the WebSocket: ");
    minke__write_decimal(&w, minke__http_head_status(ws->head));
    minke__write_text(&w, " ");
    minke__write_terminator(&w);
    minke__websocket_end(ws, MINKE_ERROR_UNSUPPORTED, true, text, &reason);
}

static void response_arrived(minke_websocket_t *ws, int result)
{
    if (result == MINKE_OK && minke__http_head_status(ws->head) != 101) {
        refused(ws);
        return;
    }
    const char *why =
        result == MINKE_OK ? minke__websocket_judge_response(ws->head, ws->key) : minke__http_head_error(ws->head);
    if (why == NULL) open_up(ws);
    else minke__websocket_end(ws, MINKE_ERROR_MALFORMED, false, why, NULL);
}

/* How much of the bytes belonged to the head. */
static size_t take_head(minke_websocket_t *ws, const uint8_t *data, size_t len)
{
    size_t taken;
    const int result = minke__http_head_recv(ws->head, data, len, &taken);
    if (result == MINKE_ERROR_AGAIN) return taken;
    if (ws->client) response_arrived(ws, result);
    else request_arrived(ws, result);
    free_head(ws);
    return taken;
}

/* ---- bytes */

void minke__websocket_recv(minke_websocket_t *ws, const uint8_t *data, size_t len)
{
    const size_t taken = ws->state == MINKE_WEBSOCKET_HANDSHAKE ? take_head(ws, data, len) : 0;
    if (len > taken && ws->state == MINKE_WEBSOCKET_OPEN) minke__websocket_frames_recv(ws, data + taken, len - taken);
}

static size_t take_out(minke_byte_queue_t *queue, const minke_env_t *env, uint8_t *out, size_t capacity)
{
    size_t done = 0;
    while (done < capacity && queue->len > 0) {
        const uint8_t *data;
        const size_t run = minke__byte_queue_peek(queue, &data);
        const size_t n = run < capacity - done ? run : capacity - done;
        memcpy(out + done, data, n);
        minke__byte_queue_consume(queue, env, n);
        done += n;
    }
    return done;
}

ssize_t minke__websocket_read(minke_websocket_t *ws, uint8_t *out, size_t capacity)
{
    if (ws->unread.len == 0) return ws->state == MINKE_WEBSOCKET_ENDED ? 0 : MINKE_ERROR_AGAIN;
    return (ssize_t)take_out(&ws->unread, ws->env, out, capacity);
}

static int send_or_end(minke_websocket_t *ws, enum wslay_opcode opcode, const uint8_t *data, size_t len)
{
    if (minke__websocket_frame_send(ws, opcode, data, len) == MINKE_OK) return MINKE_OK;
    minke__websocket_end(ws, MINKE_ERROR_NO_MEMORY, false, "out of memory", NULL);
    return MINKE_ERROR_CONNECTION_CLOSED;
}

ssize_t minke__websocket_write(minke_websocket_t *ws, const uint8_t *data, size_t len)
{
    if (ws->state == MINKE_WEBSOCKET_ENDED) return MINKE_ERROR_CONNECTION_CLOSED;
    if (ws->state == MINKE_WEBSOCKET_HANDSHAKE || ws->unsent.len > MINKE_WEBSOCKET_UNSENT_MAX) return MINKE_ERROR_AGAIN;
    const size_t n = len < MINKE_WEBSOCKET_FRAME_MAX ? len : MINKE_WEBSOCKET_FRAME_MAX;
    if (n == 0) return 0;
    const int error = send_or_end(ws, WSLAY_BINARY_FRAME, data, n);
    return error < 0 ? error : (ssize_t)n;
}

/* A remote that pings and does not read gets an answer to its last ping, which RFC 6455 5.5.3 allows: pongs wait in a
 * place for one until there is room. */
size_t minke__websocket_transmit(minke_websocket_t *ws, uint8_t *out, size_t capacity)
{
    if (ws->pong_due && ws->state == MINKE_WEBSOCKET_OPEN && ws->unsent.len <= MINKE_WEBSOCKET_UNSENT_MAX) {
        ws->pong_due = false;
        (void)send_or_end(ws, WSLAY_PONG, ws->pong.bytes, ws->pong.len);
    }
    return take_out(&ws->unsent, ws->env, out, capacity);
}
