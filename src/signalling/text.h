/* Words, numbers and comparisons in text that is not terminated: what descriptions and candidate lines are read with.
 */
#ifndef MINKE_SIGNALLING_TEXT_H
#define MINKE_SIGNALLING_TEXT_H

#include <stdbool.h>

#include "base/wire.h"

/* The same characters, or the same but for the case of ASCII letters. */
bool minke__text_is(minke_slice_t text, const char *other);
bool minke__text_is_caseless(minke_slice_t text, const char *other);
bool minke__text_begins(minke_slice_t text, const char *with);

/* The next word, blanks and line ends around it skipped; an empty one at the end. */
minke_slice_t minke__text_word(minke_slice_t *rest);
/* What stands before `separator`, which is skipped; all that is left if there is none. */
minke_slice_t minke__text_until(minke_slice_t *rest, char separator);
/* Without blanks and line ends at both ends. */
minke_slice_t minke__text_trim(minke_slice_t text);
/* What follows the first `len` characters. */
minke_slice_t minke__text_after(minke_slice_t text, size_t len);

/* Digits and nothing else. Above `max`: `max + 1`, however long it is. False: no number. */
bool minke__text_number(minke_slice_t text, uint64_t max, uint64_t *out);
/* 0 .. 15, or -1. */
int minke__text_hex_digit(uint8_t c);
/* Into a terminated text of `capacity` bytes; false: it does not fit. */
bool minke__text_copy(minke_slice_t text, char *out, size_t capacity);

#endif
