/*
 * Writes heads, piece by piece: a start line, fields, the end. What would not read as one piece (a line break in a
 * value, a blank in a target) makes the writer fail, so that no text from elsewhere can become a line of its own.
 */
#ifndef MINKE_HTTP_WRITE_H
#define MINKE_HTTP_WRITE_H

#include "base/wire.h"

/* HTTP/1.1, both. `reason` may be empty. */
void minke__http_write_request(minke_writer_t *w, const char *method, const char *target);
void minke__http_write_response(minke_writer_t *w, unsigned status, const char *reason);
void minke__http_write_field(minke_writer_t *w, const char *name, const char *value);
void minke__http_write_field_number(minke_writer_t *w, const char *name, uint64_t value);
/* The empty line; a body follows as it is. */
void minke__http_write_end(minke_writer_t *w);

#endif
