#include "driver/layers.h"

#include <assert.h>

#include "base/address.h"
#include "base/wire.h"

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

int minke__layers_client(minke_layers_t *layers, const minke_env_t *env, const minke_target_t *target, const char *name)
{
    enum { HTTP = 80, HTTPS = 443 };
    char field[MINKE_NAME_BYTES + 16];
    *layers = (minke_layers_t){0};
    if (target->kind == MINKE_TARGET_TCP) return MINKE_OK;
    write_host(target, name, target->kind == MINKE_TARGET_WEBSOCKET_TLS ? HTTPS : HTTP, field, sizeof field);
    layers->websocket = minke__websocket_client(env, field, "/");
    return layers->websocket != NULL ? MINKE_OK : MINKE_ERROR_NO_MEMORY;
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
    *layers = (minke_layers_t){0};
}

bool minke__layers_take(const minke_layers_t *layers)
{
    return layers->websocket == NULL || minke__websocket_state(layers->websocket) == MINKE_WEBSOCKET_OPEN;
}

const minke_close_t *minke__layers_close_reason(const minke_layers_t *layers)
{
    return layers->websocket != NULL ? minke__websocket_close_reason(layers->websocket) : NULL;
}

void minke__layers_recv(minke_layers_t *layers, const uint8_t *data, size_t len)
{
    minke__websocket_recv(layers->websocket, data, len);
}

ssize_t minke__layers_read(minke_layers_t *layers, uint8_t *out, size_t capacity)
{
    return minke__websocket_read(layers->websocket, out, capacity);
}

/* Nothing waits, so all of it is taken, unless the WebSocket ends just now: then nothing matters any more. */
void minke__layers_write(minke_layers_t *layers, const uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        const ssize_t taken = minke__websocket_write(layers->websocket, data + at, len - at);
        if (taken <= 0) return;
        at += (size_t)taken;
    }
}

size_t minke__layers_transmit(minke_layers_t *layers, uint8_t *out, size_t capacity)
{
    return layers->websocket != NULL ? minke__websocket_transmit(layers->websocket, out, capacity) : 0;
}

void minke__layers_close(minke_layers_t *layers)
{
    if (layers->websocket != NULL) minke__websocket_close(layers->websocket);
}
