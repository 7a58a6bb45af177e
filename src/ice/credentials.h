/* ICE credentials of webrtc-direct, v1 and v2, all derived from USERNAME (spec/webrtc-direct.md 5.1). */
#ifndef MINKE_ICE_CREDENTIALS_H
#define MINKE_ICE_CREDENTIALS_H

#include "base/env.h"

enum { MINKE_ICE_UFRAG_MAX = 256, MINKE_ICE_PWD_MAX = 256 };

typedef struct minke_ice_credentials {
    char ufrag[MINKE_ICE_UFRAG_MAX + 1]; /* terminated */
    char pwd[MINKE_ICE_PWD_MAX + 1];
} minke_ice_credentials_t;

/* Credentials kept elsewhere; the texts are terminated. */
typedef struct minke_ice_credentials_view {
    const char *ufrag;
    size_t ufrag_len;
    const char *pwd;
    size_t pwd_len;
} minke_ice_credentials_view_t;

/* Who asks and who is asked, read from the USERNAME of a Binding Request to a direct listener. Pointers lead into it.
 */
typedef struct minke_direct_username {
    int version;              /* 1 or 2 */
    const char *server_ufrag; /* also the server's password */
    size_t server_ufrag_len;
    const char *client_ufrag;
    size_t client_ufrag_len;
    const char *client_pwd;
    size_t client_pwd_len;
} minke_direct_username_t;

/* Steps 2 to 4 of the listener's rules. False: refuse. */
bool minke__direct_username_parse(const char *username, size_t len, minke_direct_username_t *out);
/* All ice-chars, and a length in min .. max. */
bool minke__ice_chars(const char *text, size_t len, size_t min, size_t max);
/* `len` of them, and a terminator. */
void minke__ice_random_chars(const minke_env_t *env, char *out, size_t len);

#endif
