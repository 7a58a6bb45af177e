/*
 * A full agent under a stream of messages: both roles, before and after the remote's credentials, candidates and
 * servers at any time, answers from anywhere, time that jumps. What must hold: nothing grows beyond its cap, deadlines
 * lie ahead, data goes only to where a check of ours was answered, no IP address is sent more than the budget and what
 * it asked for, all memory comes back.
 *
 * The first byte chooses the agent. Each step: a byte of kind and flags, a byte of address, a byte of time, then what
 * the kind needs.
 */
#include "base/address.h"
#include "ice/agent.h"
#include "support/test_env.h"

#include <stdlib.h>
#include <string.h>

#define OUR_UFRAG "Qx7a"
#define OUR_PWD "r9VwKf2mTz0LhYp4Bn6Jc8Sd"
#define THEIR_UFRAG "Lm3t"
#define THEIR_PWD "k4Zt8Wq1Xe5Rv7Uy3Io9Pa2G"

enum { ADDRESSES = 64, BASES = 4, BUDGET = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

typedef struct world {
    test_env_t test;
    minke_reader_t input;
    minke_time_t now;
    minke_ice_agent_t *agent;
    size_t allowed[ADDRESSES];           /* datagrams to that IP: one for each that came from there, and the budget */
    bool answered[ADDRESSES][ADDRESSES]; /* by IP and port: a check of ours was */
    uint8_t checked_id[12], asked_id[12];
    minke_path_t checked, asked;
    bool controlling; /* what our last check said */
} world_t;

static void check(bool holds)
{
    if (!holds) abort();
}

static minke_address_t address_of(uint8_t i, uint8_t port)
{
    minke_address_t address = {.port = (uint16_t)(port % ADDRESSES + 1), .family = MINKE_FAMILY_IP4};
    if (i % 4 == 3) {
        address.family = MINKE_FAMILY_IP6;
        memcpy(address.ip, (const uint8_t[]){0x20, 1, 0xd, 0xb8}, 4);
        address.ip[15] = i % ADDRESSES;
        return address;
    }
    memcpy(address.ip, (const uint8_t[]){192, 0, 2, i % ADDRESSES}, 4);
    return address;
}

static uint8_t index_of(const minke_address_t *address)
{
    return address->ip[address->family == MINKE_FAMILY_IP4 ? 3 : 15];
}

static minke_address_t base_of(uint8_t i, uint8_t family)
{
    minke_address_t base = address_of(family == MINKE_FAMILY_IP4 ? 0 : 3, 8);
    base.ip[1]++;
    base.ip[4] = i % BASES;
    if (family == MINKE_FAMILY_IP4) {
        base.ip[4] = 0;
        base.ip[2] = i % BASES;
    }
    return base;
}

static minke_path_t path_from(uint8_t i, uint8_t port, uint8_t base)
{
    minke_path_t path = {.socket = base % BASES + 1u, .remote = address_of(i, port)};
    path.local = base_of(base, path.remote.family);
    if ((base & 0x40) != 0) memset(path.local.ip, 0, sizeof path.local.ip); /* not told by the system */
    return path;
}

static void deliver(world_t *w, const uint8_t *data, size_t len, const minke_path_t *path)
{
    minke_stun_message_t m;
    if (!minke__stun_parse(data, len, &m)) return;
    w->allowed[index_of(&path->remote)] += 2; /* an answer, and a check of our own */
    const bool was_asked = minke__ice_expects(w->agent, m.transaction_id);
    const bool ours = minke__ice_recv(w->agent, &m, path, w->now);
    if (ours && was_asked && m.integrity_at != 0 && m.type == MINKE_STUN_BINDING_SUCCESS) {
        w->answered[index_of(&path->remote)][path->remote.port - 1] = true;
        w->allowed[index_of(&path->remote)] += BUDGET;
    }
}

static void send_request(world_t *w, uint8_t flags, const minke_path_t *path)
{
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    static const uint8_t id[12] = {1};
    const uint8_t more = minke__read_u8(&w->input);
    const uint64_t tie_breaker = (more & 1) != 0 ? UINT64_MAX : 0;
    minke_writer_t writer = minke__writer(out, sizeof out);
    minke__stun_begin(&writer, MINKE_STUN_BINDING_REQUEST, id);
    minke__stun_write_username(&writer, OUR_UFRAG, 4, (more & 2) != 0 ? "othr" : THEIR_UFRAG, 4);
    if ((flags & 32) != 0) minke__stun_write_use_candidate(&writer);
    if ((more & 4) == 0) minke__stun_write_role(&writer, (flags & 64) != 0, tie_breaker);
    if ((more & 8) != 0) minke__stun_write_role(&writer, (flags & 64) == 0, tie_breaker);
    if ((flags & 128) != 0) minke__stun_write_unknown(&writer, (const uint16_t[]){1}, 1);
    if ((more & 16) == 0) minke__stun_write_priority(&writer, (uint32_t)more << 23);
    if (minke__stun_finish(&writer, (more & 32) != 0 ? THEIR_PWD : OUR_PWD, strlen(OUR_PWD)))
        deliver(w, out, writer.len, path);
}

/* To our last check, or to our last question to a server. */
static void send_answer(world_t *w, uint8_t flags, const minke_path_t *path)
{
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    const uint8_t more = minke__read_u8(&w->input);
    const bool server = (more & 1) != 0, conflict = (more & 2) != 0;
    const minke_path_t *asked = server ? &w->asked : &w->checked;
    const minke_path_t *from = (flags & 16) != 0 ? path : asked;
    const minke_address_t mapped = address_of(more >> 4, more);
    minke_writer_t writer = minke__writer(out, sizeof out);
    if (asked->socket == 0) return;
    minke__stun_begin(&writer, conflict ? MINKE_STUN_BINDING_ERROR : MINKE_STUN_BINDING_SUCCESS,
                      server ? w->asked_id : w->checked_id);
    if (conflict) minke__stun_write_error(&writer, (more & 4) != 0 ? 400 : MINKE_STUN_ROLE_CONFLICT);
    else if ((more & 8) == 0) minke__stun_write_mapped_address(&writer, &mapped);
    const bool keyed = !server;
    if (minke__stun_finish(&writer, keyed ? THEIR_PWD : NULL, keyed ? strlen(THEIR_PWD) : 0))
        deliver(w, out, writer.len, from);
}

static void send_raw(world_t *w, const minke_path_t *path)
{
    const size_t len = minke__read_u8(&w->input);
    const uint8_t *bytes = minke__read_bytes(&w->input, len);
    if (bytes != NULL) deliver(w, bytes, len, path);
}

static void add(world_t *w, uint8_t flags, const minke_path_t *path)
{
    const uint8_t more = minke__read_u8(&w->input);
    const minke_candidate_t candidate = {
        .type = (minke_candidate_type_t)(more % 4), .address = path->remote, .priority = (uint32_t)more << 23};
    const minke_ice_credentials_t theirs = {THEIR_UFRAG, THEIR_PWD};
    const minke_address_t base = base_of(more, path->remote.family);
    int added = MINKE_OK;
    switch (flags >> 4 & 7) {
    case 0: added = minke__ice_add_local(w->agent, more % BASES + 1u, &base, w->now); break;
    case 1: added = minke__ice_add_server(w->agent, &path->remote, w->now); break;
    case 2: added = minke__ice_set_remote(w->agent, &theirs, (more & 1) != 0, w->now); break;
    case 3: minke__ice_end_of_remote(w->agent, w->now); break;
    case 4: minke__ice_remove_pair(w->agent, path, w->now); break;
    default: added = minke__ice_add_remote(w->agent, &candidate, w->now); break;
    }
    check(added != MINKE_ERROR_NO_MEMORY);
}

static void note_sent(world_t *w, const uint8_t *out, size_t len, const minke_path_t *path)
{
    minke_stun_message_t m;
    check(minke__stun_parse(out, len, &m) && m.has_fingerprint);
    const uint8_t to = index_of(&path->remote);
    if (m.username == NULL && m.type == MINKE_STUN_BINDING_REQUEST) { /* servers are named by us, and have no budget */
        memcpy(w->asked_id, m.transaction_id, 12);
        w->asked = *path;
        return;
    }
    check(m.integrity_at != 0 && w->allowed[to] > 0);
    w->allowed[to]--;
    if (m.type != MINKE_STUN_BINDING_REQUEST) return;
    check(m.ice_controlling != m.ice_controlled && m.has_priority && (!m.use_candidate || m.ice_controlling));
    check(m.ice_controlling == minke__ice_stats(w->agent).controlling);
    memcpy(w->checked_id, m.transaction_id, 12);
    w->checked = *path;
}

static void look(world_t *w)
{
    minke_path_t paths[MINKE_ICE_FULL_PAIRS_MAX + 1], selected;
    minke_candidate_t candidate;
    minke_candidate_type_t local, remote;
    const minke_ice_stats_t stats = minke__ice_stats(w->agent);
    check(stats.pairs <= MINKE_ICE_FULL_PAIRS_MAX && stats.remotes <= MINKE_ICE_REMOTE_CANDIDATES_MAX + 16);
    check(stats.waiting + stats.in_progress + stats.succeeded + stats.failed == stats.pairs);
    const size_t n = minke__ice_pairs(w->agent, paths, MINKE_ICE_FULL_PAIRS_MAX + 1);
    check(n <= stats.pairs && n >= stats.succeeded);
    for (size_t i = 0; i < n; i++) check(minke__ice_knows(w->agent, &paths[i]));
    while (minke__ice_next_local(w->agent, &candidate)) check(candidate.priority != 0 && candidate.foundation[0] != 0);
    if (minke__ice_may_send(w->agent) == 0) return;
    check(minke__ice_may_send(w->agent) == SIZE_MAX && minke__ice_selected(w->agent, &selected));
    check(w->answered[index_of(&selected.remote)][selected.remote.port - 1]);
    check(minke__ice_selected_types(w->agent, &local, &remote));
    check(minke__address_equal(&paths[0].remote, &selected.remote));
}

static void drain(world_t *w)
{
    uint8_t out[MINKE_STUN_MESSAGE_MAX];
    minke_path_t path;
    minke__ice_tick(w->agent, w->now);
    for (size_t len; (len = minke__ice_transmit(w->agent, out, sizeof out, &path, w->now)) > 0;)
        note_sent(w, out, len, &path);
    check(minke__ice_deadline(w->agent) > w->now);
    look(w);
}

static void step(world_t *w)
{
    const uint8_t flags = minke__read_u8(&w->input), address = minke__read_u8(&w->input);
    const uint8_t passed = minke__read_u8(&w->input);
    const minke_path_t path = path_from(address, address / 4, passed);
    w->now += (minke_time_t)passed * passed * 200; /* up to 13 s */
    switch (flags & 7) {
    case 0: send_raw(w, &path); break;
    case 1:
    case 2: send_request(w, flags, &path); break;
    case 3:
    case 4: send_answer(w, flags, &path); break;
    case 5: minke__ice_received(w->agent, &path, 100, (flags & 16) != 0, w->now); break;
    default: add(w, flags, &path); break;
    }
    drain(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    world_t w = {.input = minke__reader(data, len)};
    test_env_init(&w.test, 1);
    for (size_t i = 0; i < ADDRESSES; i++) w.allowed[i] = BUDGET;
    const uint8_t kind = minke__read_u8(&w.input);
    minke_ice_options_t options = {.full = true, .controlling = (kind & 1) != 0, .local = {OUR_UFRAG, OUR_PWD}};
    if ((kind & 2) != 0) options.remote = (minke_ice_credentials_t){THEIR_UFRAG, THEIR_PWD};
    if ((kind & 4) != 0) options.lite_remote = true;
    if ((kind & 8) != 0) options.handshake_after = MINKE_TIME_NEVER;
    w.agent = minke__ice_new(&w.test.env, &options, 1, 0);
    check(w.agent != NULL);
    const uint8_t bases_n = (uint8_t)((kind >> 4) % (BASES + 1));
    for (uint8_t i = 0; i < bases_n; i++) {
        const minke_address_t base = base_of(i, i % 2 == 0 ? MINKE_FAMILY_IP4 : MINKE_FAMILY_IP6);
        check(minke__ice_add_local(w.agent, i + 1u, &base, 0) == MINKE_OK);
    }
    while (minke__reader_left(&w.input) >= 3) step(&w);
    minke__ice_free(w.agent);
    check(w.test.blocks == 0);
    return 0;
}
