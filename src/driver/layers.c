#include "driver/layers.h"

#include "base/address.h"
#include "base/wire.h"

/* What TLS protects in one record, and what goes up from it at a time. */
enum { RECORD = 16384 };

/* ---- life */

/* The Host field: a name or an address, with the port unless it is that of the scheme (RFC 9110 7.2). */
static void write_host(const minke_target_t *target, const char *name, uint16_t usual_port, char *out, size_t capacity)
{
    char host[MINKE_NAME_BYTES];
    minke__target_host(target, host);
    const bool brackets = name[0] == 0 && target->address.family == MINKE_FAMILY_IP6;
    minke_writer_t w = minke__writer(out, capacity);
    if (brackets) minke__write_text(&w, "[");
    minke__write_text(&w, name[0] != 0 ? name : host);
    if (brackets) minke__write_text(&w, "]");
    if (target->address.port != usual_port) {
        minke__write_text(&w, ":");
        minke__write_decimal(&w, target->address.port);
    }
    minke__write_terminator(&w);
}

int minke__layers_client(minke_layers_t *layers, const minke_env_t *env, minke_tls_context_t *context,
                         const minke_target_t *target, const char *name)
{
    enum { HTTP = 80, HTTPS = 443 };
    char field[MINKE_NAME_BYTES + 16], host[MINKE_NAME_BYTES];
    const bool over_tls = target->kind == MINKE_TARGET_WEBSOCKET_TLS;
    *layers = (minke_layers_t){0};
    if (target->kind == MINKE_TARGET_TCP) return MINKE_OK;
    write_host(target, name, over_tls ? HTTPS : HTTP, field, sizeof field);
    layers->websocket = minke__websocket_client(env, field, "/");
    if (over_tls) {
        minke_target_t by_address = *target;
        by_address.name[0] = 0;
        minke__target_host(&by_address, host);
        layers->tls = minke__tls_client(context, env, name[0] != 0 ? name : host);
    }
    if (layers->websocket != NULL && (layers->tls != NULL || !over_tls)) return MINKE_OK;
    minke__layers_free(layers);
    return MINKE_ERROR_NO_MEMORY;
}

int minke__layers_server(minke_layers_t *layers, const minke_env_t *env, minke_target_kind_t kind)
{
    *layers = (minke_layers_t){0};
    if (kind == MINKE_TARGET_TCP) return MINKE_OK;
    layers->websocket = minke__websocket_server(env);
    return layers->websocket != NULL ? MINKE_OK : MINKE_ERROR_NO_MEMORY;
}

void minke__layers_free(minke_layers_t *layers)
{
    minke__websocket_free(layers->websocket);
    minke__tls_free(layers->tls);
    *layers = (minke_layers_t){0};
}

/* ---- states */

bool minke__layers_take(const minke_layers_t *layers)
{
    if (layers->tls != NULL && minke__tls_state(layers->tls) != MINKE_TLS_OPEN) return false;
    return layers->websocket == NULL || minke__websocket_state(layers->websocket) == MINKE_WEBSOCKET_OPEN;
}

const minke_close_t *minke__layers_close_reason(const minke_layers_t *layers)
{
    const minke_close_t *reason = layers->websocket != NULL ? minke__websocket_close_reason(layers->websocket) : NULL;
    if (reason == NULL && layers->tls != NULL && minke__tls_state(layers->tls) == MINKE_TLS_ENDED)
        reason = minke__tls_close_reason(layers->tls);
    return reason;
}

/* ---- in */

/* At most what one recv took in and part of a record from before, so the WebSocket has room for it. */
static void lift(minke_layers_t *layers)
{
    uint8_t plain[RECORD];
    for (ssize_t n; (n = minke__tls_read(layers->tls, plain, sizeof plain)) > 0;) {
        minke__websocket_recv(layers->websocket, plain, (size_t)n);
    }
}

void minke__layers_recv(minke_layers_t *layers, const uint8_t *data, size_t len)
{
    if (layers->tls == NULL) {
        minke__websocket_recv(layers->websocket, data, len);
        return;
    }
    minke__tls_recv(layers->tls, data, len);
    lift(layers);
}

void minke__layers_recv_end(minke_layers_t *layers)
{
    if (layers->tls == NULL) return;
    minke__tls_recv_end(layers->tls);
    lift(layers);
}

ssize_t minke__layers_read(minke_layers_t *layers, uint8_t *out, size_t capacity)
{
    return minke__websocket_read(layers->websocket, out, capacity);
}

/* ---- out */

/* Nothing waits, so all of it is taken, unless the WebSocket ends just now: then nothing matters any more. */
void minke__layers_write(minke_layers_t *layers, const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        const ssize_t taken = minke__websocket_write(layers->websocket, data + at, len - at);
        if (taken <= 0) return;
        at += (size_t)taken;
    }
}

/* The next bytes of the WebSocket, or after its last ones TLS's own farewell. Everything before them has gone, so TLS
 * takes them all. False: nothing. */
static bool lower(minke_layers_t *layers)
{
    uint8_t plain[RECORD];
    if (minke__tls_state(layers->tls) != MINKE_TLS_OPEN) return false;
    const size_t n = minke__websocket_transmit(layers->websocket, plain, sizeof plain);
    if (n > 0) return minke__tls_write(layers->tls, plain, n) > 0;
    if (minke__websocket_state(layers->websocket) != MINKE_WEBSOCKET_ENDED) return false;
    minke__tls_close(layers->tls);
    return true;
}

size_t minke__layers_transmit(minke_layers_t *layers, uint8_t *out, size_t capacity)
{
    size_t at = 0;
    if (layers->websocket == NULL) return 0;
    if (layers->tls == NULL) return minke__websocket_transmit(layers->websocket, out, capacity);
    for (;;) {
        const size_t n = minke__tls_transmit(layers->tls, out + at, capacity - at);
        at += n;
        if (at == capacity || (n == 0 && !lower(layers))) return at;
    }
}

void minke__layers_close(minke_layers_t *layers)
{
    if (layers->websocket != NULL) minke__websocket_close(layers->websocket);
}
