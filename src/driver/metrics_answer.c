/* Which answer a request gets. */
#include "driver/metrics.h"

#include <string.h>
#include <time.h>

#include "driver/clock.h"
#include "driver/host.h"
#include "http/write.h"

enum { HEAD_BYTES = 1024, BODY_BYTES_AT_FIRST = 16384 };

typedef struct answer_kind {
    unsigned status;
    const char *reason;
    const char *type;                                                /* of the body */
    const char *text;                                                /* the body, or */
    void (*write)(minke_writer_t *w, const minke_snapshot_t *taken); /* what writes it */
} answer_kind_t;

static const char plain[] = "text/plain; charset=utf-8";

/* ---- choosing ---- */

static const answer_kind_t *answer_to_fault(int error)
{
    static const answer_kind_t malformed = {400, "Bad Request", plain, "This is not a request as HTTP/1.1 has them.\n",
                                            NULL};
    static const answer_kind_t too_large = {431, "Request Header Fields Too Large", plain,
                                            "The head of the request is too long.\n", NULL};
    static const answer_kind_t version = {505, "HTTP Version Not Supported", plain,
                                          "Only HTTP/1.0 and HTTP/1.1 are spoken here.\n", NULL};
    if (error == MINKE_ERROR_TOO_LARGE) return &too_large;
    return error == MINKE_ERROR_UNSUPPORTED ? &version : &malformed;
}

/* "http://HOST/path?query" is allowed too (RFC 9112 3.2.2); what stands before the path and behind it says nothing. */
static minke_http_text_t path_of(const minke_http_head_t *head)
{
    static const char scheme[] = "http://";
    minke_http_text_t target = minke__http_head_target(head);
    const size_t scheme_len = strlen(scheme);
    if (target.len > scheme_len && minke__http_text_is_nocase((minke_http_text_t){target.data, scheme_len}, scheme)) {
        const char *slash = memchr(target.data + scheme_len, '/', target.len - scheme_len);
        if (slash == NULL) return (minke_http_text_t){"/", 1};
        target = (minke_http_text_t){slash, target.len - (size_t)(slash - target.data)};
    }
    const char *query = memchr(target.data, '?', target.len);
    if (query != NULL) target.len = (size_t)(query - target.data);
    return target;
}

static bool is_head(const minke_http_head_t *head)
{
    return minke__http_text_is(minke__http_head_method(head), "HEAD");
}

static const answer_kind_t *answer_to(const minke_http_head_t *head)
{
    static const answer_kind_t metrics = {200, "OK", "text/plain; version=0.0.4; charset=utf-8", NULL,
                                          minke__metrics_write_text};
    static const answer_kind_t page = {200, "OK", "text/html; charset=utf-8", NULL, minke__metrics_write_page};
    static const answer_kind_t not_found = {404, "Not Found", plain, "There are / and /metrics.\n", NULL};
    static const answer_kind_t not_allowed = {405, "Method Not Allowed", plain, "There are GET and HEAD.\n", NULL};
    static const answer_kind_t body = {413, "Content Too Large", plain, "No request with a body is taken.\n", NULL};
    const minke_http_text_t path = path_of(head);
    const bool is_page = minke__http_text_is(path, "/");
    if (!is_page && !minke__http_text_is(path, "/metrics")) return &not_found;
    if (!is_head(head) && !minke__http_text_is(minke__http_head_method(head), "GET")) return &not_allowed;
    if (minke__http_head_announces_body(head)) return &body;
    return is_page ? &page : &metrics;
}

/* ---- writing ---- */

static void write_two_digits(minke_writer_t *w, int value)
{
    minke__write_u8(w, (uint8_t)('0' + value / 10 % 10));
    minke__write_u8(w, (uint8_t)('0' + value % 10));
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7): English whatever the locale. */
static void write_date(minke_writer_t *w, time_t now)
{
    static const char days[] = "Sun, Mon, Tue, Wed, Thu, Fri, Sat, ";
    static const char months[] = " Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";
    struct tm t;
    if (gmtime_r(&now, &t) == NULL) return;
    minke__write_text(w, "Date: ");
    minke__write_bytes(w, days + 5 * t.tm_wday, 5);
    write_two_digits(w, t.tm_mday);
    minke__write_bytes(w, months + 4 * t.tm_mon, 5);
    minke__write_decimal(w, (uint64_t)t.tm_year + 1900);
    minke__write_u8(w, ' ');
    write_two_digits(w, t.tm_hour);
    minke__write_u8(w, ':');
    write_two_digits(w, t.tm_min);
    minke__write_u8(w, ':');
    write_two_digits(w, t.tm_sec);
    minke__write_text(w, " GMT\r\n");
}

/* The page brings its style along and nothing else, and may not be framed. */
static void write_head(minke_writer_t *w, const answer_kind_t *kind, size_t body_len)
{
    minke__http_write_response(w, kind->status, kind->reason);
    write_date(w, (time_t)minke__clock_wall());
    minke__http_write_field(w, "Content-Type", kind->type);
    minke__http_write_field_number(w, "Content-Length", body_len);
    minke__http_write_field(w, "Connection", "close");
    minke__http_write_field(w, "Cache-Control", "no-store");
    minke__http_write_field(w, "X-Content-Type-Options", "nosniff");
    minke__http_write_field(w, "Content-Security-Policy",
                            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
                            "frame-ancestors 'none'");
    if (kind->status == 405) minke__http_write_field(w, "Allow", "GET, HEAD");
    minke__http_write_end(w);
}

/* A body behind room for a head, in a block that grows until it fits; a limit that no body reaches bounds it. */
static bool write_body(const minke_env_t *env, const answer_kind_t *kind, const minke_snapshot_t *snapshot,
                       minke_metrics_answer_t *out)
{
    for (size_t size = HEAD_BYTES + BODY_BYTES_AT_FIRST; size <= MINKE_METRICS_ANSWER_MAX; size *= 2) {
        uint8_t *block = minke__alloc(env, size);
        if (block == NULL) return false;
        minke_writer_t w = minke__writer(block + HEAD_BYTES, size - HEAD_BYTES);
        if (kind->write != NULL) kind->write(&w, snapshot);
        else minke__write_text(&w, kind->text);
        if (!w.failed) {
            *out = (minke_metrics_answer_t){.block = block, .at = HEAD_BYTES, .len = HEAD_BYTES + w.len};
            return true;
        }
        minke__free(env, block);
    }
    return false;
}

static bool write_answer(const minke_host_t *host, const answer_kind_t *kind, bool head_only,
                         minke_metrics_answer_t *out)
{
    uint8_t head[HEAD_BYTES];
    minke_snapshot_t snapshot;
    if (kind->write != NULL && minke__snapshot_take(host, &snapshot) < 0) return false;
    if (!write_body(&host->node->env, kind, &snapshot, out)) return false;
    minke_writer_t w = minke__writer(head, sizeof head);
    write_head(&w, kind, out->len - out->at);
    if (head_only) out->len = out->at;
    out->at -= w.len;
    memcpy(out->block + out->at, head, w.len);
    return true;
}

minke_metrics_answer_t minke__metrics_answer(const minke_host_t *host, const minke_http_head_t *head)
{
    static const answer_kind_t no_memory = {503, "Service Unavailable", plain, "Out of memory.\n", NULL};
    const bool fine = head->result == MINKE_OK;
    const answer_kind_t *kind = fine ? answer_to(head) : answer_to_fault(head->result);
    const bool head_only = fine && is_head(head);
    minke_metrics_answer_t answer = {0};
    if (!write_answer(host, kind, head_only, &answer)) (void)write_answer(host, &no_memory, head_only, &answer);
    return answer;
}
