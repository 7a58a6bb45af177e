/*
 * Frames, by wslay's frame calls: it reads and writes headers and masks, and checks what a header alone can tell. Its
 * event calls would do more, but keep queues of their own in memory from malloc that nobody counts.
 *
 * What is left to check here: masks, reserved bits, opcodes, their order (RFC 6455 5.1 to 5.5), the codes of a close.
 */
#include <string.h>

#include "websocket/connection.h"

/* ---- wslay's hands */

static ssize_t give(uint8_t *out, size_t len, int flags, void *user)
{
    minke_reader_t *input = &((minke_websocket_t *)user)->input;
    (void)flags;
    const size_t left = minke__reader_left(input), n = len < left ? len : left;
    if (n == 0) return -1; /* for wslay the word for "not now" */
    memcpy(out, minke__read_bytes(input, n), n);
    return (ssize_t)n;
}

static ssize_t take(const uint8_t *data, size_t len, int flags, void *user)
{
    minke_websocket_t *ws = user;
    (void)flags;
    return minke__byte_queue_append(&ws->unsent, ws->env, data, len) == MINKE_OK ? (ssize_t)len : -1;
}

static int mask_key(uint8_t *out, size_t len, void *user)
{
    minke__random_fill(((const minke_websocket_t *)user)->env, out, len);
    return 0;
}

int minke__websocket_frames_begin(minke_websocket_t *ws)
{
    static const struct wslay_frame_callbacks callbacks = {
        .send_callback = take, .recv_callback = give, .genmask_callback = mask_key};
    return wslay_frame_context_init(&ws->frames, &callbacks, ws) == 0 ? MINKE_OK : MINKE_ERROR_NO_MEMORY;
}

void minke__websocket_frames_free(minke_websocket_t *ws) { wslay_frame_context_free(ws->frames); }

/* ---- sending */

int minke__websocket_frame_send(minke_websocket_t *ws, enum wslay_opcode opcode, const uint8_t *data, size_t len)
{
    struct wslay_frame_iocb frame = {.fin = 1,
                                     .opcode = (uint8_t)opcode,
                                     .payload_length = len,
                                     .mask = ws->client,
                                     .data = data,
                                     .data_length = len};
    if (ws->frame_cut_short) return MINKE_ERROR_NO_MEMORY;
    const ssize_t sent = wslay_frame_send(ws->frames, &frame);
    if (sent >= 0 && (size_t)sent == len) return MINKE_OK;
    ws->frame_cut_short = true;
    return MINKE_ERROR_NO_MEMORY;
}

void minke__websocket_send_close(minke_websocket_t *ws, unsigned code)
{
    uint8_t payload[2];
    minke__store_u16(payload, code);
    (void)!minke__websocket_frame_send(ws, WSLAY_CONNECTION_CLOSE, payload, sizeof payload);
}

/* ---- receiving */

static void end_with_close(minke_websocket_t *ws, unsigned close_code, int error, const char *text)
{
    minke__websocket_send_close(ws, close_code);
    minke__websocket_end(ws, error, false, text, NULL);
}

static void violation(minke_websocket_t *ws, const char *text)
{
    end_with_close(ws, MINKE_WEBSOCKET_CLOSE_PROTOCOL_ERROR, MINKE_ERROR_MALFORMED, text);
}

/* Checks the order of data frames; control frames may come between them. */
static void begin_data(minke_websocket_t *ws, const struct wslay_frame_iocb *frame)
{
    if (frame->opcode == WSLAY_TEXT_FRAME) {
        end_with_close(ws, MINKE_WEBSOCKET_CLOSE_UNSUPPORTED, MINKE_ERROR_UNSUPPORTED,
                       "the remote sends text, libp2p is binary");
    } else if (frame->opcode == WSLAY_BINARY_FRAME && ws->in_message) {
        violation(ws, "a WebSocket message begins within another");
    } else if (frame->opcode == WSLAY_CONTINUATION_FRAME && !ws->in_message) {
        violation(ws, "a WebSocket frame continues nothing");
    } else if (frame->opcode > WSLAY_BINARY_FRAME) {
        violation(ws, "a WebSocket frame is of an unknown kind");
    }
    ws->in_message = frame->fin == 0;
}

static void begin_frame(minke_websocket_t *ws, const struct wslay_frame_iocb *frame)
{
    ws->opcode = frame->opcode;
    ws->frame_left = frame->payload_length;
    ws->control.len = 0;
    if (frame->rsv != WSLAY_RSV_NONE) violation(ws, "a WebSocket frame uses an extension that nobody agreed on");
    else if (!ws->client && frame->mask == 0) violation(ws, "a WebSocket frame of the client is not masked");
    else if (ws->client && frame->mask != 0) violation(ws, "a WebSocket frame of the server is masked");
    else if (!wslay_is_ctrl_frame(frame->opcode)) begin_data(ws, frame);
    else if (frame->opcode > WSLAY_PONG) violation(ws, "a WebSocket frame is of an unknown kind");
}

static void take_data(minke_websocket_t *ws, const struct wslay_frame_iocb *frame)
{
    if (frame->data_length > MINKE_WEBSOCKET_UNREAD_MAX - ws->unread.len) {
        end_with_close(ws, MINKE_WEBSOCKET_CLOSE_POLICY, MINKE_ERROR_LIMIT, "more arrives than is read");
    } else if (minke__byte_queue_append(&ws->unread, ws->env, frame->data, frame->data_length) < 0) {
        end_with_close(ws, MINKE_WEBSOCKET_CLOSE_INTERNAL, MINKE_ERROR_NO_MEMORY, "out of memory");
    }
}

/* wslay has seen to it that no more than fits can come. */
static void take_control(minke_websocket_t *ws, const struct wslay_frame_iocb *frame)
{
    minke_writer_t w = minke__writer(ws->control.bytes + ws->control.len, sizeof ws->control.bytes - ws->control.len);
    minke__write_bytes(&w, frame->data, frame->data_length);
    ws->control.len = (uint8_t)(ws->control.len + w.len);
}

/* What may stand in a close frame: 1004 to 1006 and 1015 never travel (RFC 6455 7.4.1; the rest as IANA lists them). */
static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void closed_by_remote(minke_websocket_t *ws, unsigned code, const minke_http_text_t *reason)
{
    char text[64];
    minke_writer_t w = minke__writer(text, sizeof text);
    const bool orderly = code == MINKE_WEBSOCKET_CLOSE_NORMAL || code == MINKE_WEBSOCKET_CLOSE_GOING_AWAY;
    minke__write_text(&w, "the remote closed the WebSocket with code ");
    minke__write_decimal(&w, code);
    if (reason->len > 0) minke__write_text(&w, ": ");
    minke__write_terminator(&w);
    minke__websocket_send_close(ws, code);
    minke__websocket_end(ws, orderly ? MINKE_OK : MINKE_ERROR_CONNECTION_CLOSED, true, text, reason);
}

static void close_arrived(minke_websocket_t *ws)
{
    const minke_websocket_control_t *control = &ws->control;
    if (control->len == 0) {
        (void)!minke__websocket_frame_send(ws, WSLAY_CONNECTION_CLOSE, NULL, 0);
        minke__websocket_end(ws, MINKE_OK, true, "the remote closed the WebSocket", NULL);
        return;
    }
    minke_reader_t r = minke__reader(control->bytes, control->len);
    const unsigned code = minke__read_u16(&r);
    const size_t left = minke__reader_left(&r);
    const minke_http_text_t reason = {(const char *)control->bytes + r.at, left};
    if (r.failed || !is_close_code(code)) violation(ws, "a close of the WebSocket has no proper code");
    else closed_by_remote(ws, code, &reason);
}

static void end_frame(minke_websocket_t *ws)
{
    if (ws->opcode == WSLAY_CONNECTION_CLOSE) {
        close_arrived(ws);
    } else if (ws->opcode == WSLAY_PING) {
        ws->pong = ws->control;
        ws->pong_due = true;
    }
}

/* One piece of a frame's payload: wslay gives what there is. */
static void take_piece(minke_websocket_t *ws, const struct wslay_frame_iocb *frame)
{
    if (ws->frame_left == 0) begin_frame(ws, frame);
    if (ws->state == MINKE_WEBSOCKET_ENDED) return;
    if (wslay_is_ctrl_frame(frame->opcode)) take_control(ws, frame);
    else if (frame->data_length > 0) take_data(ws, frame);
    ws->frame_left -= frame->data_length;
    if (ws->frame_left == 0) end_frame(ws);
}

void minke__websocket_frames_recv(minke_websocket_t *ws, const uint8_t *data, size_t len)
{
    ws->input = minke__reader(data, len);
    while (ws->state == MINKE_WEBSOCKET_OPEN) {
        struct wslay_frame_iocb frame;
        const ssize_t n = wslay_frame_recv(ws->frames, &frame);
        if (n == WSLAY_ERR_WANT_READ) break;
        if (n >= 0) take_piece(ws, &frame);
        else violation(ws, "a WebSocket frame has no proper length");
    }
    ws->input = minke__reader(NULL, 0);
}
