#include "http/write.h"

#include "http/characters.h"

/* All of it, if every character belongs there. */
static void write_checked(minke_writer_t *w, const char *text, bool (*belongs)(uint8_t))
{
    for (const char *at = text; *at != 0; at++) {
        if (!belongs((uint8_t)*at)) w->failed = true;
    }
    minke__write_text(w, text);
}

static void write_word(minke_writer_t *w, const char *text, bool (*belongs)(uint8_t))
{
    if (*text == 0) w->failed = true;
    write_checked(w, text, belongs);
}

void minke__http_write_request(minke_writer_t *w, const char *method, const char *target)
{
    write_word(w, method, minke__http_is_token);
    minke__write_u8(w, ' ');
    write_word(w, target, minke__http_is_visible);
    minke__write_text(w, " HTTP/1.1\r\n");
}

void minke__http_write_response(minke_writer_t *w, unsigned status, const char *reason)
{
    if (status < 100 || status > 599) w->failed = true;
    minke__write_text(w, "HTTP/1.1 ");
    minke__write_decimal(w, status);
    minke__write_u8(w, ' ');
    write_checked(w, reason, minke__http_is_text);
    minke__write_text(w, "\r\n");
}

void minke__http_write_field(minke_writer_t *w, const char *name, const char *value)
{
    write_word(w, name, minke__http_is_token);
    minke__write_text(w, ": ");
    write_checked(w, value, minke__http_is_text);
    minke__write_text(w, "\r\n");
}

void minke__http_write_field_number(minke_writer_t *w, const char *name, uint64_t value)
{
    write_word(w, name, minke__http_is_token);
    minke__write_text(w, ": ");
    minke__write_decimal(w, value);
    minke__write_text(w, "\r\n");
}

void minke__http_write_end(minke_writer_t *w) { minke__write_text(w, "\r\n"); }
