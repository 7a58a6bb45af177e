/*
 * The head of an HTTP/1.1 message: start line and fields, up to the empty line (RFC 9112). What comes behind it is not
 * looked at: whoever reads a head knows whether a body or another protocol follows.
 *
 *     START LINE --> FIELDS --empty line--> DONE
 *          |            |
 *          +------------+--anything not allowed--> FAILED
 *
 * Strict, because the head is the only thing that proxies, browsers and we must read alike: lines end with CR LF, none
 * is folded, no blank stands before a colon, framing that could be read in two ways is refused. Only HTTP/1.0 and 1.1.
 */
#ifndef MINKE_HTTP_HEAD_H
#define MINKE_HTTP_HEAD_H

#include "base/env.h"

enum { MINKE_HTTP_HEAD_MAX = 8192, MINKE_HTTP_FIELDS_MAX = 64 };

typedef enum minke_http_kind { MINKE_HTTP_REQUEST, MINKE_HTTP_RESPONSE } minke_http_kind_t;

/* A piece of a head, not terminated. Valid as long as the head is. */
typedef struct minke_http_text {
    const char *data;
    size_t len;
} minke_http_text_t;

/* A piece of a head, as an offset in it. */
typedef struct minke_http_span {
    uint16_t at, len;
} minke_http_span_t;

typedef struct minke_http_head {
    minke_http_kind_t kind;
    int result; /* AGAIN until it is complete or wrong */
    const char *error;
    uint16_t len;     /* bytes taken so far */
    uint16_t line_at; /* where the line begins that is being read */
    uint8_t fields_n;
    uint8_t minor; /* HTTP/1.`minor` */
    uint16_t status;
    bool has_length, transfer_coded;
    uint64_t content_length;
    minke_http_span_t method, target, reason;
    minke_http_span_t names[MINKE_HTTP_FIELDS_MAX], values[MINKE_HTTP_FIELDS_MAX];
    char bytes[MINKE_HTTP_HEAD_MAX];
} minke_http_head_t;

void minke__http_head_init(minke_http_head_t *head, minke_http_kind_t kind);
/*
 * Reads on, from bytes cut anywhere. `*taken` of them belonged to the head; after the end it takes nothing and says
 * the same again. MINKE_OK: the head is complete. MINKE_ERROR_AGAIN: it needs more. MINKE_ERROR_TOO_LARGE: above
 * either cap. MINKE_ERROR_UNSUPPORTED: another version of HTTP. MINKE_ERROR_MALFORMED.
 */
MINKE_MUST_USE int minke__http_head_recv(minke_http_head_t *head, const uint8_t *data, size_t len, size_t *taken);
/* A sentence for people when it is wrong, else NULL. */
const char *minke__http_head_error(const minke_http_head_t *head);

/* All below: of a complete head. */

/* Requests: a token and visible characters, neither empty. */
minke_http_text_t minke__http_head_method(const minke_http_head_t *head);
minke_http_text_t minke__http_head_target(const minke_http_head_t *head);
/* Responses: 100 to 599, and what may be empty. */
unsigned minke__http_head_status(const minke_http_head_t *head);
minke_http_text_t minke__http_head_reason(const minke_http_head_t *head);
/* 0 or 1, of HTTP/1.x. */
unsigned minke__http_head_minor_version(const minke_http_head_t *head);

/* How many fields have this name, in any case; the value of the first, without blanks around it, is put into `value`
 * unless that is NULL. */
size_t minke__http_head_field(const minke_http_head_t *head, const char *name, minke_http_text_t *value);
/* Is `token`, in any case, an element of the comma-separated values of this name, all fields of that name together? */
bool minke__http_head_field_has(const minke_http_head_t *head, const char *name, const char *token);

/* Does the message announce a body: Transfer-Encoding, or a Content-Length above 0? (Never both: such heads are
 * refused.) A response without either may have one too, up to the end of the connection. */
bool minke__http_head_announces_body(const minke_http_head_t *head);
/* The Content-Length; false when there is none. */
bool minke__http_head_content_length(const minke_http_head_t *head, uint64_t *len);

bool minke__http_text_is(minke_http_text_t text, const char *expected);        /* in this case */
bool minke__http_text_is_nocase(minke_http_text_t text, const char *expected); /* in any case */

#endif
