#include "sctp/sctp.h"

#include <assert.h>
#include <string.h>

#include "sctp/association.h"

/* As many as the sender remembers: what is above them is dropped. */
enum { RECEIVED_RANGES_MAX = 4096 };

void minke__sctp_options_defaults(minke_sctp_options_t *options)
{
    *options = (minke_sctp_options_t){.receive_window = 8 << 20,
                                      .held_max = 8 << 20,
                                      .packet_max = MINKE_SCTP_PACKET_MAX,
                                      .streams_max = 65535,
                                      .handshake_after = 30000000,
                                      .silent_after = 30000000};
}

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    return value < low ? low : value > high ? high : value;
}

static minke_sctp_options_t sane(const minke_sctp_options_t *given)
{
    minke_sctp_options_t options;
    minke__sctp_options_defaults(&options);
    if (given == NULL) return options;
    options = *given;
    options.receive_window = clamp(options.receive_window, 16 << 10, 1 << 30);
    options.held_max = clamp(options.held_max, 16 << 10, 1 << 30);
    options.packet_max = (uint16_t)clamp(options.packet_max, 512, 65535);
    if (options.streams_max == 0) options.streams_max = 1;
    return options;
}

static const minke_congestion_algorithm_t *algorithm(minke_congestion_control_t congestion)
{
    switch (congestion) {
    case MINKE_CONGESTION_NEW_RENO: return &minke__congestion_new_reno;
    case MINKE_CONGESTION_BBR: return &minke__congestion_bbr;
    case MINKE_CONGESTION_CUBIC: break;
    }
    return &minke__congestion_cubic;
}

static void init_sender(minke_sctp_t *sctp)
{
    minke__packet_size_init(&sctp->path.size, sctp->options.packet_max);
    minke__flight_init(&sctp->out.flight, sctp->env, minke__tsn_first(sctp->initial_tsn));
    minke__congestion_init(&sctp->out.congestion, algorithm(sctp->options.congestion), minke__sctp_payload_max(sctp));
    minke__delivery_init(&sctp->out.delivery, sctp->env);
    minke__pacer_init(&sctp->out.pacer, minke__sctp_payload_max(sctp));
    minke__map_init(&sctp->out.streams, sctp->env);
    minke__list_init(&sctp->resets.pending);
    sctp->resets.seq = sctp->initial_tsn;
}

static void init_receiver(minke_sctp_t *sctp)
{
    sctp->in.window = minke__window(sctp->options.receive_window);
    minke__inbound_init(&sctp->in.streams, sctp->env, &sctp->user, sctp->options.held_max);
    minke__tsn_set_init(&sctp->in.above, sctp->env, RECEIVED_RANGES_MAX);
    minke__list_init(&sctp->requests.deferred);
    sctp->requests.deferred_first = UINT64_MAX;
}

/* At once: a call costs more than the bytes. */
static void draw_secrets(minke_sctp_t *sctp)
{
    struct {
        uint32_t tag, initial_tsn;
        uint8_t cookie_secret[sizeof sctp->cookie_secret];
    } drawn;
    do minke__random_fill(sctp->env, &drawn, sizeof drawn);
    while (drawn.tag == 0);
    sctp->tag = drawn.tag;
    sctp->initial_tsn = drawn.initial_tsn;
    memcpy(sctp->cookie_secret, drawn.cookie_secret, sizeof drawn.cookie_secret);
}

minke_sctp_t *minke__sctp_new(const minke_env_t *env, const minke_sctp_options_t *options,
                              const minke_sctp_user_t *user, minke_connection_t connection)
{
    minke_sctp_t *sctp = minke__alloc_zero(env, sizeof *sctp);
    if (sctp == NULL) return NULL;
    sctp->env = env;
    sctp->options = sane(options);
    sctp->user = *user;
    sctp->connection = connection;
    draw_secrets(sctp);
    minke__sctp_timers_stop(sctp);
    init_sender(sctp);
    init_receiver(sctp);
    if (sctp->options.congestion != MINKE_CONGESTION_BBR) return sctp;
    sctp->out.congestion.bbr = minke__bbr_new(sctp->env, &sctp->out.delivery);
    if (sctp->out.congestion.bbr != NULL) return sctp;
    minke__sctp_free(sctp);
    return NULL;
}

void minke__sctp_free(minke_sctp_t *sctp)
{
    if (sctp == NULL) return;
    sctp->state = MINKE_SCTP_ENDED;
    minke__sctp_free_outgoing(sctp);
    minke__delivery_free(&sctp->out.delivery);
    minke__free(sctp->env, sctp->out.congestion.bbr);
    minke__sctp_free_resets(sctp);
    minke__sctp_free_requests(sctp);
    minke__sctp_free_controls(sctp);
    minke__sctp_free_early_sacks(sctp);
    minke__inbound_free(&sctp->in.streams);
    minke__tsn_set_free(&sctp->in.above);
    minke__free(sctp->env, sctp->setup.init_ack.bytes);
    minke__free(sctp->env, sctp->setup.cookie.bytes);
    minke__free(sctp->env, sctp);
}

void minke__sctp_connect(minke_sctp_t *sctp, minke_time_t now)
{
    if (sctp->state != MINKE_SCTP_CLOSED) return;
    sctp->state = MINKE_SCTP_COOKIE_WAIT;
    sctp->setup.init_due = true;
    minke__sctp_timers_connecting(sctp, now);
}

void minke__sctp_end(minke_sctp_t *sctp, int code, bool by_remote, const char *text, size_t text_len, minke_time_t now)
{
    if (minke__sctp_ended(sctp)) return;
    sctp->state = MINKE_SCTP_ENDED;
    sctp->in.streams.stopped = true;
    sctp->close = (minke_close_t){.layer = MINKE_LAYER_SCTP, .code = code, .by_remote = by_remote};
    if (text_len > sizeof sctp->close.text - 1) text_len = sizeof sctp->close.text - 1;
    for (size_t i = 0; i < text_len; i++) {
        sctp->close.text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?'; /* the remote's words, on a terminal */
    }
    minke__sctp_timers_stop(sctp);
    minke__trace(sctp->env, now, sctp->connection, MINKE_TRACE_SCTP_ENDED, sctp->close.text,
                 code < 0 ? 0 : (uint64_t)code);
}

void minke__sctp_fail(minke_sctp_t *sctp, uint16_t cause, int code, const char *text, minke_time_t now)
{
    if (minke__sctp_ended(sctp)) return;
    size_t len = strlen(text);
    minke__sctp_end(sctp, code, false, text, len, now);
    if (sctp->peer.tag == 0) return; /* nobody to tell yet */
    if (len > sizeof sctp->farewell.info) len = sizeof sctp->farewell.info;
    memcpy(sctp->farewell.info, text, len);
    sctp->farewell.info_len = len;
    sctp->farewell.cause = cause;
    sctp->farewell.tag = sctp->peer.tag;
    sctp->farewell.abort_due = true;
}

void minke__sctp_abort(minke_sctp_t *sctp, const char *reason, minke_time_t now)
{
    minke__sctp_fail(sctp, MINKE_CAUSE_USER_INITIATED, MINKE_CAUSE_USER_INITIATED, reason != NULL ? reason : "", now);
}

void minke__sctp_wake(minke_sctp_t *sctp) { sctp->out.user_empty = false; }

void minke__sctp_consumed(minke_sctp_t *sctp, size_t len, minke_time_t now)
{
    const uint64_t unconsumed = minke__inbound_unconsumed(&sctp->in.streams);
    assert(len <= unconsumed);
    sctp->in.streams.consumed += len < unconsumed ? len : unconsumed;
    minke__window_consumed(&sctp->in.window, sctp->in.streams.consumed, sctp->out.rtt.minimum, now);
    if (!minke__sctp_up(sctp) || !sctp->in.anything) return;
    /* Silly window avoidance, RFC 9260 6.2.1 and RFC 1122 4.2.3.3: say so only when it is worth a packet. */
    const uint64_t window = minke__sctp_window(sctp), announced = sctp->in.announced;
    const uint64_t full = minke__sctp_full_window(sctp), two_packets = 2u * sctp->options.packet_max;
    if (announced >= full / 2 || window <= announced) return;
    if (window - announced >= full / 4 || (announced < two_packets && window >= two_packets)) sctp->in.sack_due = true;
}

minke_sctp_state_t minke__sctp_state(const minke_sctp_t *sctp) { return sctp->state; }

bool minke__sctp_takes_large_messages(const minke_sctp_t *sctp) { return sctp->takes_large_messages; }
bool minke__sctp_is_with_minke(const minke_sctp_t *sctp) { return sctp->with_minke; }

bool minke__sctp_may_send(const minke_sctp_t *sctp)
{
    return minke__sctp_up(sctp) || sctp->state == MINKE_SCTP_COOKIE_ECHOED;
}

uint32_t minke__sctp_path_bytes(const minke_sctp_t *sctp)
{
    const minke_rtt_t *rtt = &sctp->out.rtt;
    const uint32_t window = sctp->out.congestion.window, peer_window = sctp->out.peer_window;
    if (rtt->smoothed <= rtt->minimum) return window < peer_window ? window : peer_window;
    return (uint32_t)((window < peer_window ? window : peer_window) * rtt->minimum / rtt->smoothed);
}

uint32_t minke__sctp_streams_out(const minke_sctp_t *sctp) { return sctp->streams_out; }

uint32_t minke__sctp_streams_in(const minke_sctp_t *sctp) { return sctp->streams_in; }

const minke_close_t *minke__sctp_close_reason(const minke_sctp_t *sctp) { return &sctp->close; }

minke_sctp_stats_t minke__sctp_stats(const minke_sctp_t *sctp)
{
    return (minke_sctp_stats_t){.smoothed_rtt = sctp->out.rtt.smoothed,
                                .rto = minke__rtt_timeout(&sctp->out.rtt),
                                .bytes_acked = sctp->out.bytes_acked,
                                .bytes_delivered = sctp->in.streams.delivered,
                                .retransmitted = sctp->out.retransmitted,
                                .losses = sctp->out.losses,
                                .timeouts = sctp->out.timeouts,
                                .undone = sctp->out.undone,
                                .pacing_rate = sctp->out.pacer.rate,
                                .congestion_window = sctp->out.congestion.window,
                                .in_flight = sctp->out.flight.in_flight,
                                .peer_window = sctp->out.peer_window,
                                .receive_window = (uint32_t)minke__sctp_full_window(sctp),
                                .packet_max = sctp->path.size.confirmed,
                                .held = sctp->in.streams.held_bytes};
}
