/*
 * A listener under a stream of messages: strangers' table, an agent, time. The input chooses what happens; requests can
 * be well keyed, since nobody guesses an HMAC. What must hold: no address is sent more than three times what came from
 * there before it is proven, nothing grows, deadlines lie ahead, all memory comes back.
 *
 * Each step: a byte of kind and flags, a byte of address, a byte of time, then what the kind needs.
 */
#include "base/address.h"
#include "ice/agent.h"
#include "ice/binding.h"
#include "ice/strangers.h"
#include "support/test_env.h"

#include <stdlib.h>
#include <string.h>

#define LEFT "libp2p+webrtc+v2/ZkXb0Qn8yTgH2sLw9VrPdE4a"
#define RIGHT "k3Fq"
#define PWD "ZkXb0Qn8yTgH2sLw9VrPdE4a"

enum { ADDRESSES = 16, STRANGERS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

typedef struct world {
    test_env_t test;
    minke_reader_t input;
    minke_time_t now;
    minke_strangers_t *strangers;
    minke_ice_agent_t *agent;
    struct {
        size_t in, out;
        bool answered; /* a check to this address was answered by its owner */
        uint8_t checked_id[12];
        bool checked;
    } at[ADDRESSES];
} world_t;

static void check(bool holds)
{
    if (!holds) abort();
}

static minke_path_t path_of(uint8_t i)
{
    return (minke_path_t){
        .socket = 1, .remote = {.ip = {192, 0, 2, (uint8_t)(i % ADDRESSES)}, .port = 1, .family = MINKE_FAMILY_IP4}};
}

static void deliver(world_t *w, const uint8_t *data, size_t len, uint8_t address)
{
    minke_stun_message_t m;
    const minke_path_t path = path_of(address);
    if (!minke__stun_parse(data, len, &m)) return;
    w->at[address % ADDRESSES].in += len;
    if (w->agent != NULL && (m.type == MINKE_STUN_BINDING_REQUEST || minke__ice_expects(w->agent, m.transaction_id)))
        (void)minke__ice_recv(w->agent, &m, &path, w->now);
    else minke__strangers_recv(w->strangers, &m, &path, w->now);
}

static void send_request(world_t *w, uint8_t flags, uint8_t address)
{
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    static const uint8_t id[12];
    const char *right = (flags & 16) != 0 ? "other" : RIGHT;
    minke_writer_t writer = minke__writer(out, sizeof out);
    minke__stun_begin(&writer, MINKE_STUN_BINDING_REQUEST, id);
    minke__stun_write_username(&writer, LEFT, strlen(LEFT), right, strlen(right));
    if ((flags & 32) != 0) minke__stun_write_use_candidate(&writer);
    if ((flags & 64) != 0) minke__stun_write_role(&writer, false, 1);
    if ((flags & 128) != 0) minke__stun_write_unknown(&writer, (const uint16_t[]){1}, 1);
    minke__stun_write_priority(&writer, minke__read_u8(&w->input));
    if (minke__stun_finish(&writer, LEFT, strlen(LEFT))) deliver(w, out, writer.len, address);
}

static void send_answer(world_t *w, uint8_t flags, uint8_t address)
{
    const uint8_t asked = (flags & 16) != 0 ? minke__read_u8(&w->input) % ADDRESSES : address % ADDRESSES;
    if (!w->at[asked].checked) return;
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    minke_writer_t writer = minke__writer(out, sizeof out);
    const minke_path_t path = path_of(address);
    minke__stun_begin(&writer, MINKE_STUN_BINDING_SUCCESS, w->at[asked].checked_id);
    minke__stun_write_mapped_address(&writer, &path.remote);
    if (!minke__stun_finish(&writer, PWD, strlen(PWD))) return;
    if (asked == address % ADDRESSES) w->at[asked].answered = true;
    deliver(w, out, writer.len, address);
}

static void send_raw(world_t *w, uint8_t address)
{
    const size_t len = minke__read_u8(&w->input);
    const uint8_t *bytes = minke__read_bytes(&w->input, len);
    if (bytes != NULL) deliver(w, bytes, len, address);
}

static void hello(world_t *w, uint8_t address)
{
    const minke_path_t path = path_of(address);
    minke_stranger_t stranger;
    if (w->agent == NULL && minke__strangers_take(w->strangers, &path, w->now, &stranger)) {
        const minke_ice_options_t options = {.local = stranger.local, .remote = stranger.remote};
        w->agent = minke__ice_new(&w->test.env, &options, 1, w->now);
        check(w->agent != NULL && minke__ice_adopt_stranger(w->agent, &stranger, w->now) == MINKE_OK);
    }
    if (w->agent == NULL) return;
    w->at[address % ADDRESSES].in += 200;
    minke__ice_received(w->agent, &path, 200, false, w->now);
}

static void send_data(world_t *w)
{
    minke_path_t path;
    if (w->agent == NULL || !minke__ice_selected(w->agent, &path)) return;
    size_t len = minke__ice_may_send(w->agent);
    if (len > 1200) len = 1200;
    minke__ice_sent(w->agent, len);
    w->at[path.remote.ip[3]].out += len;
}

static void drain(world_t *w)
{
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    minke_path_t path;
    for (;;) {
        size_t len = minke__strangers_transmit(w->strangers, out, sizeof out, &path, w->now);
        if (len == 0 && w->agent != NULL) len = minke__ice_transmit(w->agent, out, sizeof out, &path, w->now);
        if (len == 0) break;
        minke_stun_message_t m;
        check(minke__stun_parse(out, len, &m) && m.has_fingerprint && m.integrity_at != 0);
        const uint8_t to = path.remote.ip[3];
        w->at[to].out += len;
        if (m.type != MINKE_STUN_BINDING_REQUEST) continue;
        w->at[to].checked = true;
        memcpy(w->at[to].checked_id, m.transaction_id, 12);
    }
    for (size_t i = 0; i < ADDRESSES; i++)
        check(w->at[i].answered || w->at[i].out <= MINKE_ICE_UNPROVEN_FACTOR * w->at[i].in);
    check(minke__strangers_count(w->strangers) <= STRANGERS);
    if (w->agent == NULL) return;
    minke_path_t paths[MINKE_ICE_PAIRS_MAX + 1];
    check(minke__ice_pairs(w->agent, paths, MINKE_ICE_PAIRS_MAX + 1) <= MINKE_ICE_PAIRS_MAX);
    check(minke__ice_deadline(w->agent) > w->now);
}

static void step(world_t *w)
{
    const uint8_t flags = minke__read_u8(&w->input), address = minke__read_u8(&w->input);
    const uint8_t passed = minke__read_u8(&w->input);
    w->now += (minke_time_t)passed * passed * 500; /* up to 32 s */
    if (w->agent != NULL) minke__ice_tick(w->agent, w->now);
    const minke_path_t path = path_of(address);
    switch (flags & 7) {
    case 0: send_raw(w, address); break;
    case 1:
    case 2: send_request(w, flags, address); break;
    case 3: send_answer(w, flags, address); break;
    case 4: hello(w, address); break;
    case 5: send_data(w); break;
    case 6:
        if (w->agent != NULL) minke__ice_received(w->agent, &path, 0, true, w->now);
        break;
    default:
        if (w->agent != NULL && (flags & 16) != 0) minke__ice_remove_pair(w->agent, &path, w->now);
        break;
    }
    drain(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    world_t w = {.input = minke__reader(data, len)};
    test_env_init(&w.test, 1);
    w.strangers = minke__strangers_new(&w.test.env, STRANGERS, 0);
    check(w.strangers != NULL);
    while (minke__reader_left(&w.input) >= 3) step(&w);
    minke__strangers_free(w.strangers);
    minke__ice_free(w.agent);
    check(w.test.blocks == 0);
    return 0;
}
