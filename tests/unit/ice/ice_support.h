/* What the tests of this folder share: addresses, messages, and credentials of each version. */
#ifndef MINKE_TESTS_ICE_SUPPORT_H
#define MINKE_TESTS_ICE_SUPPORT_H

#include "ice/agent.h"
#include "ice/strangers.h"
#include "support/test_env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define S1 "libp2p+webrtc+v1/abcdefghijklmnopqrstuvwxyz012345"
#define S2 "libp2p+webrtc+v2/ZkXb0Qn8yTgH2sLw9VrPdE4a"
#define PWD2 "ZkXb0Qn8yTgH2sLw9VrPdE4a"
#define UFRAG2 "k3Fq"

enum { MS = 1000, SECOND = 1000 * 1000 };

typedef struct test_datagram {
    uint8_t data[1500];
    size_t len;
    minke_path_t path;
} test_datagram_t;

/* 192.0.2.1:9090 hears from 198.51.<host>.7:<port>. */
static inline minke_path_t test_path(uint16_t host, uint16_t port)
{
    return (minke_path_t){
        .socket = 1,
        .local = {.ip = {192, 0, 2, 1}, .port = 9090, .family = MINKE_FAMILY_IP4},
        .remote = {.ip = {198, 51, (uint8_t)(host >> 8), (uint8_t)host}, .port = port, .family = MINKE_FAMILY_IP4},
    };
}

/* The same path seen from the other end. */
static inline minke_path_t test_mirrored(const minke_path_t *path)
{
    return (minke_path_t){.socket = path->socket, .local = path->remote, .remote = path->local};
}

typedef struct test_request {
    uint16_t type;            /* 0: Binding Request */
    const char *left, *right; /* USERNAME, unless left is NULL */
    const char *key;
    bool controlled, use_candidate;
    uint16_t unknown; /* an attribute of this type */
    uint32_t priority;
    uint8_t id;
} test_request_t;

static inline void test_write_request(const test_request_t *request, test_datagram_t *out)
{
    const uint8_t transaction_id[12] = {request->id, 1, 2, 3};
    minke_writer_t w = minke__writer(out->data, sizeof out->data);
    minke__stun_begin(&w, request->type != 0 ? request->type : (uint16_t)MINKE_STUN_BINDING_REQUEST, transaction_id);
    if (request->left != NULL)
        minke__stun_write_username(&w, request->left, strlen(request->left), request->right, strlen(request->right));
    minke__stun_write_role(&w, !request->controlled, 7);
    if (request->use_candidate) minke__stun_write_use_candidate(&w);
    minke__stun_write_priority(&w, request->priority != 0 ? request->priority : 0x6e7f1eff);
    if (request->unknown != 0) {
        minke__write_u16(&w, request->unknown);
        minke__write_u16(&w, 0);
    }
    assert_true(minke__stun_finish(&w, request->key, request->key != NULL ? strlen(request->key) : 0));
    out->len = w.len;
}

static inline minke_stun_message_t test_parsed(const test_datagram_t *datagram)
{
    minke_stun_message_t message;
    assert_true(minke__stun_parse(datagram->data, datagram->len, &message));
    return message;
}

/* A success response to `request`, as its receiver would give it. */
static inline void test_write_answer(const test_datagram_t *request, const char *key, test_datagram_t *out)
{
    minke_writer_t w = minke__writer(out->data, sizeof out->data);
    minke__stun_begin(&w, MINKE_STUN_BINDING_SUCCESS, request->data + 8);
    minke__stun_write_mapped_address(&w, &request->path.local);
    assert_true(minke__stun_finish(&w, key, strlen(key)));
    out->len = w.len;
    out->path = request->path;
}

static inline bool test_agent_transmits(minke_ice_agent_t *agent, minke_time_t now, test_datagram_t *out)
{
    out->len = minke__ice_transmit(agent, out->data, MINKE_STUN_MESSAGE_MAX, &out->path, now);
    return out->len > 0;
}

static inline bool test_strangers_transmit(minke_strangers_t *strangers, minke_time_t now, test_datagram_t *out)
{
    out->len = minke__strangers_transmit(strangers, out->data, MINKE_STUN_MESSAGE_MAX, &out->path, now);
    return out->len > 0;
}

static inline bool test_agent_recv(minke_ice_agent_t *agent, const test_datagram_t *datagram, const minke_path_t *path,
                                   minke_time_t now)
{
    const minke_stun_message_t message = test_parsed(datagram);
    return minke__ice_recv(agent, &message, path, now);
}

static inline void test_strangers_recv(minke_strangers_t *strangers, const test_datagram_t *datagram,
                                       const minke_path_t *path, minke_time_t now)
{
    const minke_stun_message_t message = test_parsed(datagram);
    minke__strangers_recv(strangers, &message, path, now);
}

/* Version 2 of webrtc-direct. */
static inline minke_ice_options_t test_options(bool controlling)
{
    const minke_ice_credentials_t listener = {S2, S2}, dialer = {UFRAG2, PWD2};
    return (minke_ice_options_t){
        .controlling = controlling,
        .lite_remote = controlling,
        .local = controlling ? dialer : listener,
        .remote = controlling ? listener : dialer,
    };
}

#endif
