/*
 * The agent's timers; nothing else decides what is due.
 *
 *   handshake   CHECKING only. No pair works within handshake_after: failed.
 *   check       one per pair: the next transmission of its check (agent_checks.c). Fires in transmit, not in tick.
 *   keep-alive  CONNECTED only. The dialer asks about every keepalive_after, +-20 % (RFC 7675 5.1), whatever the
 *               traffic: its checks keep the listener's consent fresh and show it a new address after a rebinding. The
 *               listener asks only after twice as long a silence, which no dialer leaves that does as ours: all that
 *               its own checks could show, theirs have shown. While nothing comes back, both ask again every 1 to
 *               2.5 s.
 *   consent     CONNECTED only. Nothing authentic within consent_after: failed (RFC 7675 5.1).
 *
 * The keep-alive timer is lazy: received packets do not move it. When it fires and something has been received
 * meanwhile, it is set again, counted from there. So traffic costs no timer, and a busy connection wakes up once in a
 * few seconds. And the listener's fires on round instants only, so that many thousand connections that are idle are
 * looked at together.
 */
#include "ice/full.h"

static const minke_time_t ask_again_min = 1000 * 1000;
static const minke_time_t ask_again_max = 2500 * 1000;

static const minke_close_t consent_lost = {MINKE_LAYER_ICE, MINKE_ERROR_TIMEOUT, false, "nothing received for 30 s"};
static const minke_close_t consent_lost_otherwise = {MINKE_LAYER_ICE, MINKE_ERROR_TIMEOUT, false,
                                                     "nothing received for the consent time"};
static const minke_close_t no_answer = {MINKE_LAYER_ICE, MINKE_ERROR_TIMEOUT, false,
                                        "no check was answered: nobody listens at this address, or UDP is blocked on "
                                        "the way"};
static const minke_close_t only_an_echo = {MINKE_LAYER_ICE, MINKE_ERROR_TIMEOUT, false,
                                           "our own checks came back: what is at this address sends back all that it "
                                           "gets, and is no listener"};

void minke__ice_fail_consent(minke_ice_agent_t *agent, minke_time_t now)
{
    const bool usual = agent->consent_after == 30 * 1000 * 1000;
    minke__ice_fail(agent, usual ? &consent_lost : &consent_lost_otherwise, now);
}

static minke_time_t random_between(const minke_env_t *env, minke_time_t min, minke_time_t max)
{
    return min + minke__random_u32(env) % (max - min + 1);
}

minke_time_t minke__ice_ask_again_after(const minke_ice_agent_t *agent)
{
    return random_between(agent->env, ask_again_min, ask_again_max);
}

/* What is left of a short consent time must do for several questions. A full agent takes nothing but answers to its own
 * for consent. */
static minke_time_t quiet_after(const minke_ice_agent_t *agent)
{
    const minke_time_t once = agent->keepalive_after, twice = 2 * once, third = agent->consent_after / 3;
    if (agent->controlling || agent->full != NULL || third < once) return once;
    return third < twice ? third : twice;
}

static minke_time_t jittered(const minke_ice_agent_t *agent)
{
    const minke_time_t after = quiet_after(agent), fifth = after / 5;
    return random_between(agent->env, after - fifth, after + fifth);
}

/* Nothing is sent at that time as long as the remote is heard, so nobody notices. */
static minke_time_t on_a_round_instant(const minke_ice_agent_t *agent, minke_time_t at)
{
    const minke_time_t step = agent->keepalive_after / 50 + 1;
    return at < MINKE_TIME_NEVER - step ? at + step - 1 - (at + step - 1) % step : at;
}

void minke__ice_arm_keepalive(minke_ice_agent_t *agent, minke_time_t now)
{
    agent->keepalive_interval = jittered(agent);
    agent->keepalive_at = minke__ice_later(now, agent->keepalive_interval);
}

static void send_keepalive(minke_ice_agent_t *agent, minke_time_t now)
{
    minke_ice_pair_t *pair = minke__ice_selected_pair(agent);
    agent->keepalive_sent_at = now;
    agent->keepalive_interval = jittered(agent);
    /* A check that is being repeated anyway is left alone: a new transaction would disown the answer to the old one. */
    if (pair != NULL && pair->check_at == MINKE_TIME_NEVER) minke__ice_start_check(agent, pair, false, now);
}

static void keepalive_due(minke_ice_agent_t *agent, minke_time_t now)
{
    const minke_time_t silent_at = minke__ice_later(agent->received_at, agent->keepalive_interval);
    if (!agent->controlling && silent_at > now) {
        agent->keepalive_at = on_a_round_instant(agent, silent_at);
        return;
    }
    const bool unanswered =
        agent->keepalive_sent_at != MINKE_TIME_NEVER && agent->received_at < agent->keepalive_sent_at;
    const bool silent = !agent->controlling || unanswered;
    if (unanswered) {
        minke__trace(agent->env, now, agent->connection, MINKE_TRACE_ICE_SILENT, NULL, now - agent->received_at);
    }
    send_keepalive(agent, now);
    agent->keepalive_at = minke__ice_later(now, silent ? minke__ice_ask_again_after(agent) : agent->keepalive_interval);
}

static minke_time_t consent_at(const minke_ice_agent_t *agent)
{
    return minke__ice_later(agent->received_at, agent->consent_after);
}

void minke__ice_tick(minke_ice_agent_t *agent, minke_time_t now)
{
    if (agent->full != NULL) {
        minke__full_tick(agent, now);
        return;
    }
    if (agent->state == MINKE_ICE_CHECKING && agent->handshake_at <= now)
        minke__ice_fail(agent, agent->reflected ? &only_an_echo : &no_answer, now);
    if (agent->state != MINKE_ICE_CONNECTED) return;
    if (consent_at(agent) <= now) {
        minke__ice_fail_consent(agent, now);
        return;
    }
    if (agent->keepalive_at <= now) keepalive_due(agent, now);
}

static minke_time_t earlier(minke_time_t a, minke_time_t b) { return a < b ? a : b; }

minke_time_t minke__ice_deadline(const minke_ice_agent_t *agent)
{
    if (agent->state == MINKE_ICE_FAILED) return MINKE_TIME_NEVER;
    if (agent->full != NULL) return minke__full_deadline(agent);
    minke_time_t at =
        agent->state == MINKE_ICE_CHECKING ? agent->handshake_at : earlier(agent->keepalive_at, consent_at(agent));
    for (size_t i = 0; i < agent->pairs_n; i++) at = earlier(at, agent->pairs[i].check_at);
    return at;
}
