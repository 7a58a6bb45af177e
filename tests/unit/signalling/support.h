/* What the tests of signalling share. */
#ifndef MINKE_TESTS_SIGNALLING_SUPPORT_H
#define MINKE_TESTS_SIGNALLING_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "signalling/candidate_json.h"
#include "support/test_env.h"

/* A file of tests/golden/signalling; terminated. Returns its length. */
size_t read_golden(const char *name, char *out, size_t capacity);
/* The whole text of `with` in the place of the first `what`; what must be there. */
void replace(const char *text, const char *what, const char *with, char *out, size_t capacity);
/* The n-th allocation of jansson's from now on fails; 0: none. */
void fail_json_at(unsigned n);
/* Blocks of jansson's that are not freed. */
size_t json_blocks(void);

#endif
