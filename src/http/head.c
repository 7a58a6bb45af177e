#include "http/head.h"

#include <string.h>

#include "base/wire.h"
#include "http/characters.h"

void minke__http_head_init(minke_http_head_t *head, minke_http_kind_t kind)
{
    memset(head, 0, offsetof(minke_http_head_t, bytes));
    head->kind = kind;
    head->result = MINKE_ERROR_AGAIN;
}

/* False, for those who return it. The first error counts. */
static bool fail(minke_http_head_t *head, int error, const char *text)
{
    if (head->result != MINKE_ERROR_AGAIN) return false;
    head->result = error;
    head->error = text;
    return false;
}

static bool malformed(minke_http_head_t *head, const char *text) { return fail(head, MINKE_ERROR_MALFORMED, text); }

/* ---- pieces of a line */

static minke_http_span_t span_of(const minke_http_head_t *head, const uint8_t *data, size_t len)
{
    return (minke_http_span_t){(uint16_t)((const char *)data - head->bytes), (uint16_t)len};
}

static size_t length_of(const minke_reader_t *line, bool (*belongs)(uint8_t))
{
    size_t n = 0;
    while (n < line->len - line->at && belongs(line->data[line->at + n])) n++;
    return n;
}

/* At least one character of the kind, then exactly one `end`. */
static bool take_word(const minke_http_head_t *head, minke_reader_t *line, bool (*belongs)(uint8_t), char end,
                      minke_http_span_t *out)
{
    const size_t len = length_of(line, belongs);
    *out = span_of(head, minke__read_bytes(line, len), len);
    return minke__read_u8(line) == (uint8_t)end && !line->failed && len > 0;
}

/* What is left of the line. */
static minke_http_span_t take_rest(const minke_http_head_t *head, minke_reader_t *line)
{
    const size_t len = minke__reader_left(line);
    return span_of(head, minke__read_bytes(line, len), len);
}

/* ---- the start line */

static bool take_version(minke_http_head_t *head, minke_reader_t *line)
{
    static const char prefix[] = "HTTP/";
    enum { PREFIX = sizeof prefix - 1 };
    const uint8_t *version = minke__read_bytes(line, PREFIX + 3);
    if (version == NULL || memcmp(version, prefix, PREFIX) != 0 || !minke__http_is_digit(version[PREFIX]) ||
        version[PREFIX + 1] != '.' || !minke__http_is_digit(version[PREFIX + 2]))
        return malformed(head, "the start line is not one of HTTP");
    if (version[PREFIX] != '1' || version[PREFIX + 2] > '1')
        return fail(head, MINKE_ERROR_UNSUPPORTED, "the version of HTTP is not 1.0 or 1.1");
    head->minor = (uint8_t)(version[PREFIX + 2] - '0');
    return true;
}

static bool take_request_line(minke_http_head_t *head, minke_reader_t *line)
{
    if (!take_word(head, line, minke__http_is_token, ' ', &head->method))
        return malformed(head, "the start line has no method");
    if (!take_word(head, line, minke__http_is_visible, ' ', &head->target))
        return malformed(head, "the start line has no target");
    if (!take_version(head, line)) return false;
    return minke__reader_done(line) || malformed(head, "the start line has more than three words");
}

/* The blank behind the code belongs there even if no reason follows (RFC 9112 4). */
static bool take_status_line(minke_http_head_t *head, minke_reader_t *line)
{
    minke_http_span_t code;
    if (!take_version(head, line)) return false;
    if (minke__read_u8(line) != ' ' || !take_word(head, line, minke__http_is_digit, ' ', &code) || code.len != 3)
        return malformed(head, "the start line has no status of three digits");
    for (size_t i = 0; i < code.len; i++) {
        head->status = (uint16_t)(head->status * 10 + (head->bytes[code.at + i] - '0'));
    }
    if (head->status < 100 || head->status > 599) return malformed(head, "there is no such status");
    head->reason = take_rest(head, line);
    return true;
}

/* ---- fields */

static minke_http_text_t text_of(const minke_http_head_t *head, minke_http_span_t span)
{
    return (minke_http_text_t){head->bytes + span.at, span.len};
}

static minke_http_span_t trimmed(const minke_http_head_t *head, minke_http_span_t span)
{
    while (span.len > 0 && minke__http_is_blank((uint8_t)head->bytes[span.at])) {
        span.at++;
        span.len--;
    }
    while (span.len > 0 && minke__http_is_blank((uint8_t)head->bytes[span.at + span.len - 1])) span.len--;
    return span;
}

/* One plain number: lists of equal ones, which RFC 9110 8.6 lets a recipient take, nobody needs. */
static bool take_content_length(minke_http_head_t *head, minke_http_text_t value)
{
    if (head->has_length || value.len == 0) return malformed(head, "Content-Length is not one number");
    for (size_t i = 0; i < value.len; i++) {
        const uint8_t digit = (uint8_t)value.data[i];
        if (!minke__http_is_digit(digit)) return malformed(head, "Content-Length is not one number");
        if (head->content_length > (UINT64_MAX - 9) / 10) return malformed(head, "Content-Length is absurd");
        head->content_length = head->content_length * 10 + (digit - '0');
    }
    head->has_length = true;
    return true;
}

static bool take_field(minke_http_head_t *head, minke_reader_t *line)
{
    if (head->fields_n == MINKE_HTTP_FIELDS_MAX)
        return fail(head, MINKE_ERROR_TOO_LARGE, "the head has too many fields");
    const uint8_t i = head->fields_n;
    if (!take_word(head, line, minke__http_is_token, ':', &head->names[i]))
        return malformed(head, "a line of the head is not a name, a colon and a value");
    head->values[i] = trimmed(head, take_rest(head, line));
    head->fields_n++;
    const minke_http_text_t name = text_of(head, head->names[i]);
    if (minke__http_text_is_nocase(name, "Transfer-Encoding")) head->transfer_coded = true;
    if (!minke__http_text_is_nocase(name, "Content-Length")) return true;
    return take_content_length(head, text_of(head, head->values[i]));
}

/* What only the whole head can tell: a body with one length (RFC 9112 6.1), and exactly one Host (3.2). */
static void complete(minke_http_head_t *head)
{
    if (head->transfer_coded && (head->has_length || head->minor == 0))
        malformed(head, "the length of the body can be read in two ways");
    if (head->kind == MINKE_HTTP_REQUEST && head->minor == 1 && minke__http_head_field(head, "Host", NULL) != 1)
        malformed(head, "the request has not exactly one Host");
    if (head->result == MINKE_ERROR_AGAIN) head->result = MINKE_OK;
}

/* ---- lines */

static void take_line(minke_http_head_t *head)
{
    minke_reader_t line =
        minke__reader(head->bytes + head->line_at, (size_t)head->len - head->line_at - strlen("\r\n"));
    if (head->line_at == 0) {
        if (head->kind == MINKE_HTTP_REQUEST) take_request_line(head, &line);
        else take_status_line(head, &line);
    } else if (line.len == 0) {
        complete(head);
    } else {
        take_field(head, &line);
    }
    head->line_at = head->len;
}

/* Each byte is judged as it comes, so that what is no HTTP at all (TLS, a libp2p dialer without WebSocket) is refused
 * at once and not when a timer says so. */
static void take_byte(minke_http_head_t *head, uint8_t byte)
{
    const bool after_cr = head->len > head->line_at && head->bytes[head->len - 1] == '\r';
    head->bytes[head->len++] = (char)byte;
    if (after_cr && byte != '\n') malformed(head, "a CR stands alone in the head");
    else if (byte == '\n' && !after_cr) malformed(head, "an LF stands alone in the head");
    else if (byte == '\n') take_line(head);
    else if (byte != '\r' && !minke__http_is_text(byte)) malformed(head, "a control character stands in the head");
}

int minke__http_head_recv(minke_http_head_t *head, const uint8_t *data, size_t len, size_t *taken)
{
    size_t at = 0;
    while (at < len && head->result == MINKE_ERROR_AGAIN) {
        take_byte(head, data[at++]);
        if (head->len == MINKE_HTTP_HEAD_MAX) fail(head, MINKE_ERROR_TOO_LARGE, "the head is too long");
    }
    *taken = at;
    return head->result;
}

/* ---- queries */

const char *minke__http_head_error(const minke_http_head_t *head) { return head->error; }
minke_http_text_t minke__http_head_method(const minke_http_head_t *head) { return text_of(head, head->method); }
minke_http_text_t minke__http_head_target(const minke_http_head_t *head) { return text_of(head, head->target); }
minke_http_text_t minke__http_head_reason(const minke_http_head_t *head) { return text_of(head, head->reason); }
unsigned minke__http_head_status(const minke_http_head_t *head) { return head->status; }
unsigned minke__http_head_minor_version(const minke_http_head_t *head) { return head->minor; }

bool minke__http_text_is(minke_http_text_t text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.data, expected, text.len) == 0;
}

bool minke__http_text_is_nocase(minke_http_text_t text, const char *expected)
{
    if (text.len != strlen(expected)) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (minke__http_lower((uint8_t)text.data[i]) != minke__http_lower((uint8_t)expected[i])) return false;
    }
    return true;
}

size_t minke__http_head_field(const minke_http_head_t *head, const char *name, minke_http_text_t *value)
{
    size_t n = 0;
    for (size_t i = 0; i < head->fields_n; i++) {
        if (!minke__http_text_is_nocase(text_of(head, head->names[i]), name)) continue;
        if (n++ == 0 && value != NULL) *value = text_of(head, head->values[i]);
    }
    return n;
}

static bool list_has(const minke_http_head_t *head, minke_http_span_t list, const char *token)
{
    const size_t end = (size_t)list.at + list.len;
    for (size_t at = list.at; at < end;) {
        const char *comma = memchr(head->bytes + at, ',', end - at);
        const size_t element_end = comma != NULL ? (size_t)(comma - head->bytes) : end;
        const minke_http_span_t element = {(uint16_t)at, (uint16_t)(element_end - at)};
        if (minke__http_text_is_nocase(text_of(head, trimmed(head, element)), token)) return true;
        at = element_end + 1;
    }
    return false;
}

bool minke__http_head_field_has(const minke_http_head_t *head, const char *name, const char *token)
{
    for (size_t i = 0; i < head->fields_n; i++) {
        if (minke__http_text_is_nocase(text_of(head, head->names[i]), name) && list_has(head, head->values[i], token))
            return true;
    }
    return false;
}

bool minke__http_head_announces_body(const minke_http_head_t *head)
{
    return head->transfer_coded || (head->has_length && head->content_length > 0);
}

bool minke__http_head_content_length(const minke_http_head_t *head, uint64_t *len)
{
    *len = head->content_length;
    return head->has_length;
}
