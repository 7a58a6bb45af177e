/* Whom the host trusts to vouch for the names of wss servers: read when the first of them is dialled. */
#include <errno.h>
#include <string.h>

#include "driver/host.h"

/* The file's name, which may be long, comes last. */
static minke_close_t failure(int code, const char *const *parts, size_t parts_n)
{
    minke_close_t reason = {.layer = MINKE_LAYER_NETWORK, .code = code};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    for (size_t i = 0; i < parts_n; i++) minke__write_text(&w, parts[i]);
    minke__write_terminator(&w);
    return reason;
}

minke_tls_context_t *minke__host_trust(minke_host_t *host, minke_close_t *reason)
{
    if (host->trust != NULL) return host->trust;
    const int error = minke__tls_context_new(&host->node->env, host->ca_file, &host->trust);
    const char *unreadable[] = {"the file of authorities cannot be read, ", strerror(errno), ": ", host->ca_file};
    const char *empty[] = {"the file of authorities holds no certificate in PEM form: ", host->ca_file};
    const char *memory[] = {"out of memory"};
    if (error == MINKE_ERROR_SYSTEM) *reason = failure(MINKE_ERROR_SYSTEM, unreadable, 4);
    else if (error == MINKE_ERROR_MALFORMED) *reason = failure(MINKE_ERROR_SYSTEM, empty, 2);
    else if (error < 0) *reason = failure(MINKE_ERROR_NO_MEMORY, memory, 1);
    return error == MINKE_OK ? host->trust : NULL;
}
