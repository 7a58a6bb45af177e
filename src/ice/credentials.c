#include "ice/credentials.h"

#include <string.h>

enum { PREFIX_LEN = 17, UFRAG_MIN = 4, PWD_MIN = 22 }; /* RFC 8839 5.4 */

bool minke__ice_chars(const char *text, size_t len, size_t min, size_t max)
{
    if (len < min || len > max) return false;
    for (size_t i = 0; i < len; i++) {
        const char c = text[i];
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (c < '0' || c > '9') && c != '+' && c != '/') return false;
    }
    return true;
}

static int version_of(const char *server_ufrag, size_t len)
{
    if (len < PREFIX_LEN) return 0;
    if (memcmp(server_ufrag, "libp2p+webrtc+v1/", PREFIX_LEN) == 0) return 1;
    if (memcmp(server_ufrag, "libp2p+webrtc+v2/", PREFIX_LEN) == 0) return 2;
    return 0;
}

bool minke__direct_username_parse(const char *username, size_t len, minke_direct_username_t *out)
{
    const char *colon = len > 0 ? memchr(username, ':', len) : NULL;
    if (colon == NULL) return false;
    const size_t server_len = (size_t)(colon - username);
    *out = (minke_direct_username_t){
        .server_ufrag = username,
        .server_ufrag_len = server_len,
        .client_ufrag = colon + 1,
        .client_ufrag_len = len - server_len - 1,
    };
    if (!minke__ice_chars(out->server_ufrag, out->server_ufrag_len, UFRAG_MIN, MINKE_ICE_UFRAG_MAX)) return false;
    if (!minke__ice_chars(out->client_ufrag, out->client_ufrag_len, UFRAG_MIN, MINKE_ICE_UFRAG_MAX)) return false;
    out->version = version_of(out->server_ufrag, out->server_ufrag_len);
    if (out->version == 2) {
        out->client_pwd = out->server_ufrag + PREFIX_LEN;
        out->client_pwd_len = out->server_ufrag_len - PREFIX_LEN;
        return out->client_pwd_len >= PWD_MIN;
    }
    /* v1: each half is the ufrag and the password of its side; go accepts halves that differ
     * (spec/webrtc-direct.md 5.2). */
    out->client_pwd = out->client_ufrag;
    out->client_pwd_len = out->client_ufrag_len;
    return out->version == 1 && out->server_ufrag_len >= PWD_MIN;
}

void minke__ice_random_chars(const minke_env_t *env, char *out, size_t len)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    minke__random_fill(env, out, len);
    for (size_t i = 0; i < len; i++) out[i] = alphabet[(uint8_t)out[i] & 63];
    out[len] = 0;
}
