/*
 * The book against a model of it that looks at everything every time: thousands of random requests, in virtual time,
 * near every limit. The last seed that was printed is the one that failed.
 */
#include "vectors.h"

#include "relay/book.h"

enum { SECOND = 1000 * 1000, PEERS = 24, ADDRESSES = 6, CIRCUITS = 64, STEPS = 6000, SEEDS = 40 };

typedef struct model_circuit {
    minke_relay_circuit_t *real; /* NULL: this place is free */
    uint32_t source, target;
    minke_connection_t target_connection;
    bool open, told;
    minke_time_t due_at;
    uint64_t relayed[2];
} model_circuit_t;

typedef struct model {
    test_env_t test;
    uint64_t random;
    minke_relay_options_t options;
    minke_relay_book_t *book;
    minke_time_t now;
    minke_connection_t connections;
    struct {
        bool reserved;
        uint32_t address;
        minke_connection_t connection;
        minke_time_t expires_at;
    } peers[PEERS];
    model_circuit_t circuits[CIRCUITS];
    minke_relay_statistics_t expected;
} model_t;

static uint32_t below(model_t *m, uint32_t n) { return (uint32_t)(test_random(&m->random) >> 33) % n; }

static minke_peer_id_t peer(uint32_t n)
{
    const uint8_t bytes[] = {0x00, 0x02, (uint8_t)(n * 17), (uint8_t)n};
    minke_peer_id_t id;
    assert_true(minke__peer_id_from_bytes(bytes, sizeof bytes, &id));
    return id;
}

/* ---- the model */

static void expire(model_t *m)
{
    for (uint32_t n = 0; n < PEERS; n++) {
        if (!m->peers[n].reserved || m->peers[n].expires_at > m->now) continue;
        m->peers[n].reserved = false;
        m->expected.reservations--;
        m->expected.reservations_expired++;
    }
}

static uint32_t reservations_at(const model_t *m, uint32_t address)
{
    uint32_t count = 0;
    for (uint32_t n = 0; n < PEERS; n++) {
        if (m->peers[n].reserved && m->peers[n].address == address) count++;
    }
    return count;
}

static uint32_t circuits_of(const model_t *m, uint32_t n)
{
    uint32_t count = 0;
    for (size_t i = 0; i < CIRCUITS; i++) {
        const model_circuit_t *c = &m->circuits[i];
        if (c->real != NULL && (c->source == n || c->target == n)) count++;
    }
    return count;
}

static minke_relay_status_t expected_reserve(model_t *m, uint32_t n, uint32_t address, bool relayed)
{
    if (relayed) return MINKE_RELAY_STATUS_PERMISSION_DENIED;
    expire(m);
    const bool has_one = m->peers[n].reserved;
    if (!has_one && m->expected.reservations >= m->options.reservations_max) {
        return MINKE_RELAY_STATUS_RESERVATION_REFUSED;
    }
    const bool counted = has_one && m->peers[n].address == address;
    if (!counted && m->options.reservations_per_address_max != 0 &&
        reservations_at(m, address) >= m->options.reservations_per_address_max) {
        return MINKE_RELAY_STATUS_RESERVATION_REFUSED;
    }
    return MINKE_RELAY_STATUS_OK;
}

static minke_relay_status_t expected_connect(model_t *m, uint32_t source, uint32_t target, bool relayed)
{
    if (relayed || source == target) return MINKE_RELAY_STATUS_PERMISSION_DENIED;
    expire(m);
    if (!m->peers[target].reserved) return MINKE_RELAY_STATUS_NO_RESERVATION;
    const uint32_t max = m->options.circuits_per_peer_max;
    if ((max != 0 && (circuits_of(m, source) >= max || circuits_of(m, target) >= max)) ||
        m->expected.circuits + m->expected.circuits_asking >= m->options.circuits_max) {
        return MINKE_RELAY_STATUS_RESOURCE_LIMIT_EXCEEDED;
    }
    return MINKE_RELAY_STATUS_OK;
}

/* ---- steps: the same is done to both */

static void step_reserve(model_t *m)
{
    const uint32_t n = below(m, PEERS), address = below(m, ADDRESSES);
    const bool relayed = below(m, 20) == 0, same = below(m, 2) == 0;
    const minke_peer_id_t id = peer(n);
    const uint32_t where = same && m->peers[n].reserved ? m->peers[n].address : address;
    const minke_address_t remote = {.family = MINKE_FAMILY_IP4, .ip = {10, 0, 0, (uint8_t)where}};
    const minke_relay_asker_t asker = {
        .peer = &id, .connection = ++m->connections, .remote = &remote, .relayed = relayed};
    const minke_relay_status_t status = expected_reserve(m, n, where, relayed);
    assert_int_equal(minke__relay_book_reserve(m->book, &asker, m->now), status);
    if (status != MINKE_RELAY_STATUS_OK) {
        m->expected.reservations_refused[minke__relay_status_index(status)]++;
        return;
    }
    if (m->peers[n].reserved) {
        m->expected.reservations_refreshed++;
    } else {
        m->expected.reservations_made++;
        m->expected.reservations++;
    }
    m->peers[n].reserved = true;
    m->peers[n].address = where;
    m->peers[n].connection = m->connections;
    m->peers[n].expires_at = m->now + m->options.reservation_after;
}

static void step_end(model_t *m)
{
    const uint32_t n = below(m, PEERS);
    const minke_peer_id_t id = peer(n);
    const minke_connection_t connection = below(m, 2) == 0 ? m->peers[n].connection : below(m, 50);
    minke__relay_book_connection_ended(m->book, &id, connection);
    if (!m->peers[n].reserved || m->peers[n].connection != connection) return;
    m->peers[n].reserved = false;
    m->expected.reservations--;
    m->expected.reservations_lost++;
}

static void step_connect(model_t *m)
{
    const uint32_t source = below(m, PEERS), target = below(m, PEERS);
    const bool relayed = below(m, 20) == 0;
    const minke_peer_id_t from = peer(source), to = peer(target);
    const minke_address_t remote = {.family = MINKE_FAMILY_IP4, .ip = {10, 0, 0, 1}};
    const minke_relay_asker_t asker = {.peer = &from, .connection = 1, .remote = &remote, .relayed = relayed};
    const minke_relay_status_t status = expected_connect(m, source, target, relayed);
    minke_relay_circuit_t *real;
    assert_int_equal(minke__relay_book_connect(m->book, &asker, &to, m->now, &real), status);
    assert_int_equal(real != NULL, status == MINKE_RELAY_STATUS_OK);
    if (real == NULL) {
        m->expected.circuits_refused[minke__relay_status_index(status)]++;
        return;
    }
    size_t i = 0;
    while (m->circuits[i].real != NULL) i++;
    assert_true(i < CIRCUITS);
    m->circuits[i] = (model_circuit_t){.real = real,
                                       .source = source,
                                       .target = target,
                                       .target_connection = m->peers[target].connection,
                                       .due_at = MINKE_TIME_NEVER};
    real->user = &m->circuits[i];
    m->expected.circuits_asking++;
}

static void close_circuit(model_t *m, model_circuit_t *c, minke_relay_end_t end_of)
{
    minke__relay_circuit_close(m->book, c->real, end_of);
    c->real = NULL;
    m->expected.circuits--;
    m->expected.circuits_ended[end_of]++;
}

static void start_or_refuse(model_t *m, model_circuit_t *c)
{
    m->expected.circuits_asking--;
    if (below(m, 4) == 0) {
        minke__relay_circuit_refuse(m->book, c->real, MINKE_RELAY_STATUS_CONNECTION_FAILED);
        c->real = NULL;
        m->expected.circuits_refused[minke__relay_status_index(MINKE_RELAY_STATUS_CONNECTION_FAILED)]++;
        return;
    }
    minke__relay_circuit_start(m->book, c->real, m->now);
    c->open = true;
    c->due_at = m->options.circuit_after != 0 ? m->now + m->options.circuit_after : MINKE_TIME_NEVER;
    m->expected.circuits++;
    m->expected.circuits_opened++;
}

static void relay(model_t *m, model_circuit_t *c)
{
    const int direction = (int)below(m, 2);
    const uint64_t wanted = below(m, 200), max = m->options.circuit_bytes;
    const uint64_t left = minke__relay_circuit_allowance(m->book, c->real, direction);
    assert_true(left == (max != 0 ? max - c->relayed[direction] : UINT64_MAX));
    const uint64_t n = wanted < left ? wanted : left;
    minke__relay_circuit_count(m->book, c->real, direction, n);
    c->relayed[direction] += n;
    m->expected.bytes_relayed += n;
    if (n < wanted) close_circuit(m, c, MINKE_RELAY_ENDED_BY_BYTES);
}

static void step_circuit(model_t *m)
{
    model_circuit_t *c = &m->circuits[below(m, CIRCUITS)];
    if (c->real == NULL) return;
    if (!c->open) start_or_refuse(m, c);
    else if (below(m, 10) == 0) close_circuit(m, c, MINKE_RELAY_ENDED_BY_PEERS);
    else relay(m, c);
}

static void step_time(model_t *m)
{
    const minke_time_t deadline = minke__relay_book_deadline(m->book);
    /* To the deadline, to just before it, or anywhere. */
    switch (below(m, 4)) {
    case 0: m->now = deadline != MINKE_TIME_NEVER && deadline > m->now ? deadline : m->now; break;
    case 1: m->now = deadline != MINKE_TIME_NEVER && deadline - 1 > m->now ? deadline - 1 : m->now; break;
    default: m->now += below(m, 4 * SECOND); break;
    }
    minke__relay_book_tick(m->book, m->now);
    expire(m);
    for (minke_relay_circuit_t *real; (real = minke__relay_book_next_due(m->book)) != NULL;) {
        model_circuit_t *c = real->user;
        assert_true(c->real == real && c->due_at <= m->now && !c->told);
        c->told = true;
        if (below(m, 4) != 0) close_circuit(m, c, MINKE_RELAY_ENDED_BY_TIME);
    }
}

static void compare(model_t *m)
{
    minke_time_t deadline = MINKE_TIME_NEVER;
    assert_memory_equal(minke__relay_book_statistics(m->book), &m->expected, sizeof m->expected);
    for (uint32_t n = 0; n < PEERS; n++) {
        const minke_peer_id_t id = peer(n);
        const minke_time_t expires_at = m->peers[n].reserved ? m->peers[n].expires_at : 0;
        assert_int_equal(minke__relay_book_reserved_until(m->book, &id), expires_at);
        if (expires_at != 0 && expires_at < deadline) deadline = expires_at;
    }
    for (size_t i = 0; i < CIRCUITS; i++) {
        const model_circuit_t *c = &m->circuits[i];
        if (c->real == NULL) continue;
        assert_true(c->real->target_connection == c->target_connection && c->real->open == c->open);
        assert_memory_equal(c->real->relayed, c->relayed, sizeof c->relayed);
        assert_true(c->due_at > m->now || c->told);
        if (!c->told && c->due_at < deadline) deadline = c->due_at;
    }
    assert_int_equal(minke__relay_book_deadline(m->book), deadline);
}

static void run(uint64_t seed)
{
    static model_t m;
    print_message("seed %u\n", (unsigned)seed);
    memset(&m, 0, sizeof m);
    test_env_init(&m.test, seed);
    m.random = seed * 77 + 1;
    m.options = (minke_relay_options_t){
        .reservations_max = 4 + below(&m, 16),
        .reservations_per_address_max = below(&m, 5),
        .reservation_after = (1 + below(&m, 60)) * (minke_time_t)SECOND,
        .circuits_max = below(&m, CIRCUITS),
        .circuits_per_peer_max = below(&m, 6),
        .circuit_after = below(&m, 20) * (minke_time_t)SECOND,
        .circuit_bytes = below(&m, 4) * 500,
    };
    assert_int_equal(minke__relay_book_new(&m.test.env, &m.options, &m.book), MINKE_OK);
    for (int step = 0; step < STEPS; step++) {
        switch (below(&m, 8)) {
        case 0: step_time(&m); break;
        case 1: step_end(&m); break;
        case 2:
        case 3: step_reserve(&m); break;
        case 4:
        case 5: step_connect(&m); break;
        default: step_circuit(&m); break;
        }
        compare(&m);
    }
    minke__relay_book_free(m.book);
    assert_int_equal(m.test.blocks, 0);
}

static void agrees_with_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
