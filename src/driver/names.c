/* Names that the node wants resolved. Who never asks for one has nothing of DNS: it is made at the first question. */
#include <errno.h>
#include <string.h>

#include "driver/host.h"

static void deliver(minke_host_t *host)
{
    minke_dns_answer_t answer;
    while (minke__dns_next(host->dns, &answer)) {
        minke__node_resolved(host->node, answer.user, answer.addresses, answer.names, answer.addresses_n, answer.error,
                             host->now);
    }
}

static void on_dns_ready(minke_host_t *host, minke_watch_t *watch, uint32_t events)
{
    (void)watch;
    (void)events;
    minke__dns_process(host->dns, host->now);
    deliver(host);
}

static int open_dns(minke_host_t *host)
{
    if (host->dns != NULL) return MINKE_OK;
    const int error = minke__dns_new(&host->node->env, host->dns_servers, &host->dns);
    if (error < 0) return error;
    host->dns_watch = (minke_watch_t){.ready = on_dns_ready};
    if (minke__watch_add(host, &host->dns_watch, minke__dns_fd(host->dns), EPOLLIN) == MINKE_OK) return MINKE_OK;
    const int saved = errno;
    minke__dns_free(host->dns);
    host->dns = NULL;
    errno = saved;
    return MINKE_ERROR_SYSTEM;
}

static void refuse(minke_host_t *host, uint64_t attempt, int error)
{
    const bool by_system = error == MINKE_ERROR_SYSTEM;
    const char *why = by_system ? strerror(errno) : minke_error_text(error);
    minke_close_t reason = {.layer = MINKE_LAYER_NETWORK, .code = error};
    minke_writer_t w = minke__writer(reason.text, sizeof reason.text);
    if (error == MINKE_ERROR_INVALID) {
        reason.code = MINKE_ERROR_SYSTEM; /* nothing that a remote or the network could help */
        minke__write_text(&w, "the DNS servers to ask are not of the form ADDRESS[:PORT],..: ");
        minke__write_text(&w, host->dns_servers);
    } else {
        minke__write_text(&w, "names cannot be resolved: ");
        minke__write_text(&w, error == MINKE_ERROR_LIMIT ? "too many at once" : why);
    }
    minke__write_terminator(&w);
    minke__node_not_carried(host->node, attempt, &reason, host->now);
}

void minke__names_resolve(minke_host_t *host, const minke_node_request_t *request)
{
    int error = open_dns(host);
    if (error == MINKE_OK) error = minke__dns_resolve(host->dns, request->attempt, request->address, host->now);
    if (error < 0) refuse(host, request->attempt, error);
    else deliver(host); /* localhost is known at once */
}

void minke__names_cancel(minke_host_t *host, uint64_t attempt)
{
    if (host->dns != NULL) minke__dns_cancel(host->dns, attempt);
}

minke_time_t minke__names_deadline(const minke_host_t *host, minke_time_t now)
{
    return host->dns != NULL ? minke__dns_deadline(host->dns, now) : MINKE_TIME_NEVER;
}

void minke__names_tick(minke_host_t *host)
{
    if (minke__names_deadline(host, host->now) > host->now) return;
    minke__dns_process(host->dns, host->now);
    deliver(host);
}

void minke__names_free(minke_host_t *host)
{
    if (host->dns == NULL) return;
    minke__watch_remove(host, &host->dns_watch);
    minke__dns_free(host->dns);
    host->dns = NULL;
}
