#include "webrtc/quiet.h"

/* Nothing above ICE waits for what a check may bring: an end, another address, leave to send, memory. */
static bool is_quiet(const minke_connection_state_t *c)
{
    return c->phase == MINKE_PHASE_OPEN && c->private_part == NULL && c->account.refused_by == NULL &&
           minke__ice_state(c->session->ice) == MINKE_ICE_CONNECTED &&
           minke__ice_generation(c->session->ice) == c->session->ice_generation &&
           minke__ice_may_send(c->session->ice) == SIZE_MAX;
}

/* What minke__endpoint_touch does for the ICE agent. */
static void set_timer(minke_transport_t *t, minke_connection_state_t *c)
{
    const minke_time_t ice_at = minke__ice_deadline(c->session->ice);
    minke__heap_set(&t->timers, &c->timer, ice_at < c->above_at ? ice_at : c->above_at);
}

static void append(minke_transport_t *t, minke_connection_state_t *c)
{
    if (minke__list_linked(&c->to_send)) return; /* the whole connection is, or this part of it */
    c->checks_only = true;
    minke__list_append(&t->to_send, &c->to_send);
}

/* False: it is not quiet, so that all layers have been asked. */
static bool touch(minke_transport_t *t, minke_connection_state_t *c, bool was_quiet, minke_time_t now)
{
    if (was_quiet && is_quiet(c)) {
        set_timer(t, c);
        return true;
    }
    minke__connection_advance(c, now);
    minke__endpoint_touch(t, c);
    return false;
}

void minke__quiet_recv(minke_transport_t *t, minke_connection_state_t *c, const minke_stun_message_t *message,
                       const minke_path_t *path, minke_time_t now)
{
    const bool was_quiet = is_quiet(c);
    (void)minke__ice_recv(c->session->ice, message, path, now);
    if (touch(t, c, was_quiet, now)) append(t, c);
}

bool minke__quiet_tick(minke_transport_t *t, minke_connection_state_t *c, minke_time_t now)
{
    if (!is_quiet(c) || c->above_at <= now || !minke__sctp_is_at_rest(c->sctp)) return false;
    minke__ice_tick(c->session->ice, now);
    if (touch(t, c, true, now) && c->timer.at <= now) append(t, c);
    return true;
}

size_t minke__quiet_transmit(minke_transport_t *t, minke_connection_state_t *c, uint8_t *buffer, size_t capacity,
                             minke_train_t *train, minke_path_t *path, minke_time_t now)
{
    const size_t len = minke__ice_transmit(c->session->ice, buffer, capacity, path, now);
    c->checks_only = false;
    set_timer(t, c);
    if (len == 0) return 0;
    append(t, c); /* to the back: the others have their turn */
    *train = (minke_train_t){buffer, len, len};
    return 1;
}
