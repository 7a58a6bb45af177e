#include "support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

size_t read_golden(const char *name, char *out, size_t capacity)
{
    char path[256];
    (void)snprintf(path, sizeof path, "tests/golden/signalling/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail_msg("%s cannot be opened: run from the top of the source tree", path);
    const size_t len = fread(out, 1, capacity - 1, file);
    (void)fclose(file);
    assert_true(len < capacity - 1);
    out[len] = 0;
    return len;
}

void replace(const char *text, const char *what, const char *with, char *out, size_t capacity)
{
    const char *at = strstr(text, what);
    if (at == NULL) {
        fail_msg("%s is not there", what);
        return;
    }
    const int len = snprintf(out, capacity, "%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
    assert_true(len >= 0 && (size_t)len < capacity);
}

static struct {
    unsigned calls, fail_at;
    size_t blocks;
} json;

static void *json_malloc(size_t size)
{
    if (++json.calls == json.fail_at) return NULL;
    void *block = malloc(size);
    if (block != NULL) json.blocks++;
    return block;
}

static void json_free(void *block)
{
    if (block != NULL) json.blocks--;
    free(block);
}

void fail_json_at(unsigned n)
{
    json_set_alloc_funcs(json_malloc, json_free);
    json.calls = 0;
    json.fail_at = n;
}

size_t json_blocks(void) { return json.blocks; }
