/* The server: clients come, are answered and go. */
#include "driver/metrics.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "driver/clock.h"
#include "driver/host.h"
#include "driver/tcp.h"

static const minke_time_t look_again_after = 1000000;

/* ---- clients ---- */

static void look_out(minke_host_t *host)
{
    minke_metrics_t *m = host->metrics;
    const bool takes = m->clients_n < MINKE_METRICS_CLIENTS_MAX && m->look_again_at == MINKE_TIME_NEVER;
    minke__watch_change(host, &m->watch, takes ? EPOLLIN : 0);
}

static void free_client(minke_host_t *host, minke_metrics_client_t *c)
{
    minke__watch_remove(host, &c->watch);
    (void)close(c->watch.fd);
    minke__list_remove(&c->siblings);
    minke__free(&host->node->env, c->answer.block);
    minke__free(&host->node->env, c);
    host->metrics->clients_n--;
    look_out(host);
    minke__host_listeners_look_again(host);
}

static bool is_transient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

/* The socket is told that nothing more comes, so that the client need not wait for the end of the connection. */
static void drain(minke_host_t *host, minke_metrics_client_t *c)
{
    c->state = MINKE_METRICS_DRAIN;
    minke__free(&host->node->env, c->answer.block);
    c->answer = (minke_metrics_answer_t){0};
    (void)shutdown(c->watch.fd, SHUT_WR);
    minke__watch_change(host, &c->watch, EPOLLIN);
}

static void send_answer(minke_host_t *host, minke_metrics_client_t *c)
{
    minke_metrics_answer_t *answer = &c->answer;
    while (answer->at < answer->len) {
        const ssize_t n = send(c->watch.fd, answer->block + answer->at, answer->len - answer->at, MSG_NOSIGNAL);
        if (n >= 0) {
            answer->at += (size_t)n;
        } else if (is_transient(errno)) {
            minke__watch_change(host, &c->watch, EPOLLOUT);
            return;
        } else {
            free_client(host, c);
            return;
        }
    }
    drain(host, c);
}

static void take_bytes(minke_host_t *host, minke_metrics_client_t *c, const uint8_t *data, size_t len)
{
    size_t taken;
    if (c->state == MINKE_METRICS_DRAIN) {
        c->drained += len;
        if (c->drained > MINKE_METRICS_DRAINED_MAX) free_client(host, c);
        return;
    }
    if (minke__http_head_recv(&c->head, data, len, &taken) == MINKE_ERROR_AGAIN) return;
    c->state = MINKE_METRICS_ANSWER;
    c->answer = minke__metrics_answer(host, &c->head);
    send_answer(host, c);
}

static void on_client_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events)
{
    uint8_t data[4096];
    minke_metrics_client_t *c = MINKE_CONTAINER(watch, minke_metrics_client_t, watch);
    (void)events;
    if (c->state == MINKE_METRICS_ANSWER) {
        send_answer(host, c);
        return;
    }
    const ssize_t n = recv(watch->fd, data, sizeof data, 0);
    if (n > 0) take_bytes(host, c, data, (size_t)n);
    else if (n == 0 || !is_transient(errno)) free_client(host, c);
}

/* ---- the listener ---- */

static void add_client(minke_host_t *host, int fd)
{
    minke_metrics_t *m = host->metrics;
    minke_metrics_client_t *c = minke__alloc(&host->node->env, sizeof *c);
    if (c == NULL) {
        (void)close(fd);
        return;
    }
    c->watch = (minke_watch_t){.fd = fd, .ready = on_client_ready};
    c->give_up_at = host->now + MINKE_METRICS_CLIENT_AFTER;
    c->state = MINKE_METRICS_HEAD;
    c->answer = (minke_metrics_answer_t){0};
    c->drained = 0;
    minke__http_head_init(&c->head, MINKE_HTTP_REQUEST);
    minke__list_init(&c->siblings);
    minke__list_append(&m->clients, &c->siblings);
    m->clients_n++;
    if (minke__watch_add(host, &c->watch, fd, EPOLLIN) < 0) free_client(host, c);
}

/* Without a descriptor for the next client the listener looks away for a while, as it would stay readable. */
static void on_listener_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events)
{
    minke_metrics_t *m = host->metrics;
    minke_address_t remote;
    (void)events;
    for (int i = 0; i < MINKE_METRICS_CLIENTS_MAX && m->clients_n < MINKE_METRICS_CLIENTS_MAX; i++) {
        const int fd = minke__tcp_accept(watch->fd, &remote);
        if (fd == MINKE_ERROR_AGAIN) break;
        if (fd >= 0) {
            add_client(host, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            m->look_again_at = host->now + look_again_after;
            break;
        }
    }
    look_out(host);
}

/* ---- time ---- */

static minke_metrics_client_t *oldest(const minke_metrics_t *m)
{
    return minke__list_empty(&m->clients) ? NULL : MINKE_CONTAINER(m->clients.next, minke_metrics_client_t, siblings);
}

minke_time_t minke__metrics_deadline(const minke_host_t *host)
{
    const minke_metrics_t *m = host->metrics;
    if (m == NULL) return MINKE_TIME_NEVER;
    const minke_metrics_client_t *c = oldest(m);
    return c != NULL && c->give_up_at < m->look_again_at ? c->give_up_at : m->look_again_at;
}

void minke__metrics_tick(minke_host_t *host)
{
    minke_metrics_t *m = host->metrics;
    if (m == NULL) return;
    for (minke_metrics_client_t *c; (c = oldest(m)) != NULL && c->give_up_at <= host->now;) free_client(host, c);
    if (m->look_again_at > host->now) return;
    m->look_again_at = MINKE_TIME_NEVER;
    look_out(host);
}

/* ---- beginning and end ---- */

static bool parse_port(const char *text, uint16_t *port)
{
    uint32_t value = 0;
    const size_t len = strlen(text);
    if (len == 0 || len > 5) return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value <= UINT16_MAX;
}

static bool parse_place(const char *where, minke_address_t *address)
{
    uint16_t port;
    const char *colon = strrchr(where, ':');
    if (colon == NULL || colon == where || !parse_port(colon + 1, &port)) return false;
    const bool brackets = where[0] == '[' && colon - where >= 2 && colon[-1] == ']';
    const char *ip = brackets ? where + 1 : where, *end = brackets ? colon - 1 : colon;
    if (!minke__parse_ip(ip, (size_t)(end - ip), address)) return false;
    address->port = port;
    return brackets == (address->family == MINKE_FAMILY_IP6);
}

int minke_serve_metrics(minke_host_t *host, const char *where)
{
    minke_address_t address;
    if (!parse_place(where, &address)) return MINKE_ERROR_MALFORMED;
    if (host->metrics != NULL) return MINKE_ERROR_EXISTS;
    minke_metrics_t *m = minke__alloc_zero(&host->node->env, sizeof *m);
    if (m == NULL) return MINKE_ERROR_NO_MEMORY;
    minke__list_init(&m->clients);
    m->look_again_at = MINKE_TIME_NEVER;
    const int fd = minke__tcp_listen(&address, &m->bound);
    m->watch = (minke_watch_t){.fd = fd, .ready = on_listener_ready};
    if (fd < 0 || minke__watch_add(host, &m->watch, fd, EPOLLIN) < 0) {
        const int error = errno;
        if (fd >= 0) (void)close(fd);
        minke__free(&host->node->env, m);
        errno = error;
        return MINKE_ERROR_SYSTEM;
    }
    host->metrics = m;
    return MINKE_OK;
}

void minke__metrics_free(minke_host_t *host)
{
    minke_metrics_t *m = host->metrics;
    if (m == NULL) return;
    for (minke_metrics_client_t *c; (c = oldest(m)) != NULL;) free_client(host, c);
    minke__watch_remove(host, &m->watch);
    (void)close(m->watch.fd);
    minke__free(&host->node->env, m);
    host->metrics = NULL;
}

ssize_t minke_metrics_address(const minke_host_t *host, char *text, size_t capacity)
{
    char whole[MINKE_ADDRESS_TEXT_BYTES];
    if (host->metrics == NULL) return MINKE_ERROR_STATE;
    minke__address_text(&host->metrics->bound, whole, sizeof whole);
    const size_t len = strlen(whole);
    if (len >= capacity) return MINKE_ERROR_NO_SPACE;
    memcpy(text, whole, len + 1);
    return (ssize_t)len;
}
