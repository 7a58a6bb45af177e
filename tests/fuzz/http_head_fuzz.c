/*
 * Heads from anybody. The first byte says request or response and how the rest is cut: the pieces must mean what the
 * whole means. What is found in a complete head lies within it, and our own writer makes the same head of it.
 */
#include <assert.h>
#include <string.h>

#include "http/head.h"
#include "http/write.h"

static int parse(minke_http_head_t *head, minke_http_kind_t kind, const uint8_t *data, size_t len, size_t step,
                 size_t *taken)
{
    int result = MINKE_ERROR_AGAIN;
    *taken = 0;
    minke__http_head_init(head, kind);
    while (*taken < len && result == MINKE_ERROR_AGAIN) {
        const size_t left = len - *taken, n = left < step ? left : step;
        size_t used;
        result = minke__http_head_recv(head, data + *taken, n, &used);
        assert(used <= n && (result != MINKE_ERROR_AGAIN || used == n));
        *taken += used;
    }
    return result;
}

static void check_text(const minke_http_head_t *head, minke_http_text_t text)
{
    assert(text.data >= head->bytes && text.data + text.len <= head->bytes + head->len);
    for (size_t i = 0; i < text.len; i++) assert(text.data[i] != '\r' && text.data[i] != '\n' && text.data[i] != 0);
}

static const char *copy(char *out, minke_http_text_t text)
{
    memcpy(out, text.data, text.len);
    out[text.len] = 0;
    return out;
}

static void write_again(const minke_http_head_t *head, minke_writer_t *w)
{
    static char a[MINKE_HTTP_HEAD_MAX], b[MINKE_HTTP_HEAD_MAX];
    if (head->kind == MINKE_HTTP_REQUEST) {
        minke__http_write_request(w, copy(a, minke__http_head_method(head)), copy(b, minke__http_head_target(head)));
    } else {
        minke__http_write_response(w, minke__http_head_status(head), copy(a, minke__http_head_reason(head)));
    }
    for (size_t i = 0; i < head->fields_n; i++) {
        const minke_http_text_t name = {head->bytes + head->names[i].at, head->names[i].len};
        const minke_http_text_t value = {head->bytes + head->values[i].at, head->values[i].len};
        minke_http_text_t first;
        check_text(head, name);
        check_text(head, value);
        assert(minke__http_head_field(head, copy(a, name), &first) >= 1);
        minke__http_write_field(w, a, copy(b, value));
    }
    minke__http_write_end(w);
    assert(!w->failed);
}

static void check_complete(const minke_http_head_t *head)
{
    static uint8_t again[2 * MINKE_HTTP_HEAD_MAX];
    static minke_http_head_t second;
    minke_writer_t w = minke__writer(again, sizeof again);
    size_t taken;
    uint64_t len;
    check_text(head, minke__http_head_method(head));
    check_text(head, minke__http_head_target(head));
    check_text(head, minke__http_head_reason(head));
    (void)minke__http_head_field_has(head, "Connection", "upgrade");
    if (minke__http_head_content_length(head, &len) && len > 0) assert(minke__http_head_announces_body(head));
    write_again(head, &w);
    if (w.len > MINKE_HTTP_HEAD_MAX || minke__http_head_minor_version(head) == 0) return;
    assert(parse(&second, head->kind, again, w.len, w.len, &taken) == MINKE_OK && taken == w.len);
    assert(second.fields_n == head->fields_n && second.content_length == head->content_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static minke_http_head_t whole, pieces;
    size_t taken, taken_in_pieces;
    if (size == 0) return 0;
    const minke_http_kind_t kind = (data[0] & 1) != 0 ? MINKE_HTTP_REQUEST : MINKE_HTTP_RESPONSE;
    const size_t step = (size_t)data[0] / 2 % 32 + 1;
    const int result = parse(&whole, kind, data + 1, size - 1, size, &taken);
    assert(parse(&pieces, kind, data + 1, size - 1, step, &taken_in_pieces) == result);
    assert(taken_in_pieces == taken && pieces.fields_n == whole.fields_n);
    if (result == MINKE_OK) check_complete(&whole);
    else assert(result == MINKE_ERROR_AGAIN || minke__http_head_error(&whole) != NULL);
    return 0;
}
