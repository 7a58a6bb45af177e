#include "signalling/candidate_json.h"

#include <jansson.h>
#include <string.h>

#include "signalling/text.h"

/* jansson's hash tables want a seed once in a process, and open files for it if they are not given one. */
static void seed(const minke_env_t *env) { json_object_seed(minke__random_u32(env) | 1); }

static int refuse(const char **why, int error, const char *sentence)
{
    *why = sentence;
    return error;
}

static bool is_given(const char *text) { return text != NULL && text[0] != 0; }

/* A string's text; anything else is an empty one. */
static minke_slice_t text_of(const json_t *value)
{
    const char *text = json_string_value(value);
    if (text == NULL) return (minke_slice_t){(const uint8_t *)"", 0};
    return (minke_slice_t){(const uint8_t *)text, json_string_length(value)};
}

/* ---- whose candidate it is */

/* A number, or one that somebody has made a string of. False: neither. */
static bool index_of(const json_t *value, uint64_t *out)
{
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value)) return minke__text_number(text_of(value), UINT16_MAX, out);
    *out = (uint64_t)number;
    return true;
}

static bool mid_is(const json_t *value, const char *mid)
{
    uint64_t ours, theirs;
    if (!json_is_integer(value)) return minke__text_is(text_of(value), mid);
    return index_of(value, &theirs) &&
           minke__text_number((minke_slice_t){(const uint8_t *)mid, strlen(mid)}, UINT16_MAX, &ours) && ours == theirs;
}

/* sdpMid counts where both are given, as in browsers; where neither is, there is but one place. */
static int check_place(const json_t *object, const char *mid, const char **why)
{
    uint64_t index;
    const json_t *value = json_object_get(object, "sdpMid");
    if (json_is_integer(value) || text_of(value).len > 0) {
        if (!is_given(mid) || mid_is(value, mid)) return MINKE_OK;
        return refuse(why, MINKE_ERROR_UNSUPPORTED, "sdpMid: not the mid of the description");
    }
    if (index_of(json_object_get(object, "sdpMLineIndex"), &index) && index != 0) {
        return refuse(why, MINKE_ERROR_UNSUPPORTED, "sdpMLineIndex: the description has one m= line, which is 0");
    }
    return MINKE_OK;
}

static int check_ufrag(const json_t *object, const char *ufrag, const char **why)
{
    const minke_slice_t theirs = text_of(json_object_get(object, "usernameFragment"));
    if (theirs.len == 0 || !is_given(ufrag) || minke__text_is(theirs, ufrag)) return MINKE_OK;
    return refuse(why, MINKE_ERROR_UNSUPPORTED, "usernameFragment: not the ufrag of the description");
}

/* ---- what it says */

static bool is_absent(const json_t *value) { return value == NULL || json_is_null(value); }

static bool is_end(minke_slice_t text)
{
    text = minke__text_trim(text);
    return text.len == 0 || minke__text_is(text, "end-of-candidates") || minke__text_is(text, "a=end-of-candidates");
}

static int read_object(const json_t *object, const char *mid, const char *ufrag, minke_remote_candidate_t *out,
                       const char **why)
{
    const json_t *value = json_object_get(object, "candidate");
    const minke_slice_t line = text_of(value);
    if (!is_absent(value) && !json_is_string(value)) {
        return refuse(why, MINKE_ERROR_MALFORMED, "candidate: its JSON is not a string");
    }
    int error = check_place(object, mid, why);
    if (error == MINKE_OK) error = check_ufrag(object, ufrag, why);
    if (error < 0 || is_end(line)) return error;
    return minke__candidate_text_read((const char *)line.data, line.len, is_given(ufrag) ? ufrag : NULL, out, why);
}

static int read_value(const json_t *value, const char *mid, const char *ufrag, minke_remote_candidate_t *out,
                      const char **why)
{
    if (json_is_null(value) || (json_is_string(value) && is_end(text_of(value)))) return MINKE_OK;
    if (json_is_object(value)) return read_object(value, mid, ufrag, out, why);
    return refuse(why, MINKE_ERROR_MALFORMED, "ICE_CANDIDATE: its JSON is neither an object nor null");
}

/* jansson follows every bracket with a call, up to 2048 deep. */
static bool is_flat(const uint8_t *json, size_t len)
{
    size_t open_n = 0;
    for (size_t i = 0; i < len; i++) open_n += json[i] == '[' || json[i] == '{';
    return open_n <= MINKE_CANDIDATE_JSON_OPEN_MAX;
}

static int load(const minke_env_t *env, const uint8_t *json, size_t len, json_t **out, const char **why)
{
    json_error_t error;
    seed(env);
    *out = json_loadb((const char *)json, len, JSON_DECODE_ANY, &error);
    if (*out != NULL) return MINKE_OK;
    /* Mostly it says nothing at all then; and sometimes, that a token is invalid. */
    if (error.text[0] == 0 || json_error_code(&error) == json_error_out_of_memory) return MINKE_ERROR_NO_MEMORY;
    return refuse(why, MINKE_ERROR_MALFORMED, "ICE_CANDIDATE: its data is not JSON");
}

int minke__candidate_json_read(const minke_env_t *env, const uint8_t *json, size_t len, const char *mid,
                               const char *ufrag, minke_remote_candidate_t *out, const char **why)
{
    json_t *value;
    *out = (minke_remote_candidate_t){.kind = MINKE_REMOTE_CANDIDATE_END};
    *why = NULL;
    if (len == 0) return MINKE_OK;
    if (len > MINKE_CANDIDATE_JSON_MAX) {
        return refuse(why, MINKE_ERROR_TOO_LARGE, "ICE_CANDIDATE: more than 4096 bytes");
    }
    if (!is_flat(json, len)) return refuse(why, MINKE_ERROR_MALFORMED, "ICE_CANDIDATE: its JSON has too many parts");
    int error = load(env, json, len, &value, why);
    if (error < 0) return error;
    error = read_value(value, mid, ufrag, out, why);
    json_decref(value);
    return error;
}

/* ---- writing */

static json_t *make(const char *line, const char *mid, const char *ufrag)
{
    json_t *object = json_object();
    if (object == NULL) return NULL;
    int failed = json_object_set_new(object, "candidate", json_string(line));
    failed |= json_object_set_new(object, "sdpMid", is_given(mid) ? json_string(mid) : json_null());
    failed |= json_object_set_new(object, "sdpMLineIndex", json_integer(0));
    failed |= json_object_set_new(object, "usernameFragment", json_string(ufrag));
    if (failed == 0) return object;
    json_decref(object);
    return NULL;
}

int minke__candidate_json_write(const minke_env_t *env, const minke_candidate_t *candidate, const char *mid,
                                const char *ufrag, minke_writer_t *out)
{
    char line[MINKE_CANDIDATE_TEXT_BYTES + 1], json[MINKE_CANDIDATE_JSON_BYTES];
    minke_writer_t w = minke__writer(line, MINKE_CANDIDATE_TEXT_BYTES);
    int error = minke__candidate_text_write(candidate, &w);
    if (error < 0) return error;
    line[w.len] = 0;
    seed(env);
    json_t *object = make(line, mid, ufrag);
    if (object == NULL) return MINKE_ERROR_NO_MEMORY;
    const size_t len = json_dumpb(object, json, sizeof json, JSON_COMPACT);
    json_decref(object);
    if (len == 0) return MINKE_ERROR_NO_MEMORY;
    if (len > sizeof json || len > minke__writer_left(out)) return MINKE_ERROR_NO_SPACE;
    minke__write_bytes(out, json, len);
    return MINKE_OK;
}
