#include "driver/tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "driver/socket_address.h"

enum { BACKLOG = 256 };

static int fail(int fd)
{
    const int error = errno;
    if (fd >= 0) (void)close(fd);
    errno = error;
    return MINKE_ERROR_SYSTEM;
}

/* What cannot be set does without. */
static void prepare(int fd)
{
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static int new_socket(const minke_socket_address_t *system)
{
    return socket(system->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int minke__tcp_listen(const minke_address_t *address, minke_address_t *bound)
{
    const int on = 1;
    minke_socket_address_t system;
    socklen_t len = minke__to_system(address, &system);
    const int fd = new_socket(&system);
    if (fd < 0) return MINKE_ERROR_SYSTEM;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
                     sizeof on); /* a restart finds its own connections in TIME_WAIT */
    if (address->family == MINKE_FAMILY_IP6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        return fail(fd);
    if (bind(fd, &system.any, len) < 0 || listen(fd, BACKLOG) < 0) return fail(fd);
    if (getsockname(fd, &system.any, &len) < 0) return fail(fd);
    minke__from_system(&system, bound);
    return fd;
}

int minke__tcp_accept(int listener, minke_address_t *remote)
{
    minke_socket_address_t system;
    socklen_t len = sizeof system;
    const int fd = accept4(listener, &system.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? MINKE_ERROR_AGAIN : MINKE_ERROR_SYSTEM;
    minke__from_system(&system, remote);
    prepare(fd);
    return fd;
}

int minke__tcp_connect(const minke_address_t *address)
{
    minke_socket_address_t system;
    const socklen_t len = minke__to_system(address, &system);
    const int fd = new_socket(&system);
    if (fd < 0) return MINKE_ERROR_SYSTEM;
    prepare(fd);
    if (connect(fd, &system.any, len) < 0 && errno != EINPROGRESS) return fail(fd);
    return fd;
}

int minke__tcp_outcome(int fd)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}
