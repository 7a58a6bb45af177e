#define _GNU_SOURCE
#include "unit/driver/tls_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
}

static int new_socket(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static void end_link(tls_proxy_link_t *link)
{
    SSL_free(link->ssl);
    if (link->fd >= 0) (void)close(link->fd);
    if (link->upstream >= 0) (void)close(link->upstream);
    memset(link, 0, sizeof *link);
    link->fd = link->upstream = -1;
}

static int on_name(SSL *ssl, int *alert, void *user)
{
    tls_proxy_t *proxy = user;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)alert;
    (void)snprintf(proxy->asked, sizeof proxy->asked, "%s", name != NULL ? name : "");
    return SSL_TLSEXT_ERR_OK;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *user)
{
    tls_proxy_t *proxy = user;
    (void)ssl;
    assert_true(in_len > 1 && in[0] < in_len);
    *out = in + 1;
    *out_len = in[0];
    (void)snprintf(proxy->alpn, sizeof proxy->alpn, "%.*s", in[0], (const char *)in + 1);
    return SSL_TLSEXT_ERR_OK;
}

void tls_proxy_start(tls_proxy_t *proxy, SSL_CTX *context, unsigned upstream_port)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    memset(proxy, 0, sizeof *proxy);
    for (int i = 0; i < TLS_PROXY_LINKS_MAX; i++) proxy->links[i].fd = proxy->links[i].upstream = -1;
    proxy->listener = new_socket();
    assert_int_equal(bind(proxy->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(proxy->listener, 8), 0);
    assert_int_equal(getsockname(proxy->listener, (struct sockaddr *)&address, &len), 0);
    proxy->port = ntohs(address.sin_port);
    proxy->upstream_port = upstream_port;
    tls_proxy_become(proxy, context, TLS_PROXY_FORWARD);
}

void tls_proxy_become(tls_proxy_t *proxy, SSL_CTX *context, tls_proxy_mode_t mode)
{
    for (int i = 0; i < TLS_PROXY_LINKS_MAX; i++) end_link(&proxy->links[i]);
    SSL_CTX_free(proxy->context);
    proxy->context = context;
    proxy->mode = mode;
    proxy->asked[0] = proxy->alpn[0] = 0;
    proxy->accepted = 0;
    (void)SSL_CTX_set_tlsext_servername_callback(context, on_name);
    (void)SSL_CTX_set_tlsext_servername_arg(context, proxy);
    SSL_CTX_set_alpn_select_cb(context, on_alpn, proxy);
}

void tls_proxy_stop(tls_proxy_t *proxy)
{
    for (int i = 0; i < TLS_PROXY_LINKS_MAX; i++) end_link(&proxy->links[i]);
    SSL_CTX_free(proxy->context);
    (void)close(proxy->listener);
}

static void accept_one(tls_proxy_t *proxy)
{
    const struct sockaddr_in upstream = loopback(proxy->upstream_port);
    tls_proxy_link_t *link = NULL;
    for (int i = 0; i < TLS_PROXY_LINKS_MAX; i++) {
        if (proxy->links[i].fd < 0) link = &proxy->links[i];
    }
    if (link == NULL) return;
    const int fd = accept4(proxy->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    proxy->accepted++;
    link->fd = fd;
    link->upstream = new_socket();
    (void)connect(link->upstream, (const struct sockaddr *)&upstream, sizeof upstream);
    link->ssl = SSL_new(proxy->context);
    assert_non_null(link->ssl);
    assert_int_equal(SSL_set_fd(link->ssl, fd), 1);
    SSL_set_accept_state(link->ssl);
    (void)SSL_set_mode(link->ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_ENABLE_PARTIAL_WRITE);
}

/* False: there is no end to wait for, it is over. */
static bool upwards(tls_proxy_link_t *link)
{
    tls_proxy_piece_t *piece = &link->up;
    if (piece->len == 0) {
        const int n = SSL_read(link->ssl, piece->bytes, sizeof piece->bytes);
        if (n <= 0) return SSL_get_error(link->ssl, n) == SSL_ERROR_WANT_READ;
        piece->at = 0;
        piece->len = (size_t)n;
    }
    const ssize_t n = send(link->upstream, piece->bytes + piece->at, piece->len, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN;
    piece->at += (size_t)n;
    piece->len -= (size_t)n;
    return true;
}

static bool downwards(tls_proxy_link_t *link)
{
    tls_proxy_piece_t *piece = &link->down;
    if (piece->len == 0) {
        const ssize_t n = recv(link->upstream, piece->bytes, sizeof piece->bytes, 0);
        if (n == 0) (void)SSL_shutdown(link->ssl);
        if (n <= 0) return n < 0 && (errno == EAGAIN || errno == ENOTCONN);
        piece->at = 0;
        piece->len = (size_t)n;
    }
    const int n = SSL_write(link->ssl, piece->bytes + piece->at, (int)piece->len);
    if (n <= 0) return SSL_get_error(link->ssl, n) == SSL_ERROR_WANT_WRITE;
    piece->at += (size_t)n;
    piece->len -= (size_t)n;
    return true;
}

/* False: it is over. */
static bool misbehave(const tls_proxy_t *proxy, tls_proxy_link_t *link)
{
    uint8_t bytes[2048];
    if (proxy->mode == TLS_PROXY_SILENT) return true;
    if (proxy->mode == TLS_PROXY_GARBAGE || proxy->mode == TLS_PROXY_CLOSE) {
        if (recv(link->fd, bytes, sizeof bytes, 0) <= 0) return true;
        if (proxy->mode == TLS_PROXY_GARBAGE) (void)!write(link->fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        return false;
    }
    if (!SSL_is_init_finished(link->ssl)) return true;
    while (SSL_read(link->ssl, bytes, sizeof bytes) > 0) continue; /* unread bytes would reset the connection */
    if (proxy->mode == TLS_PROXY_END) (void)SSL_shutdown(link->ssl);
    return false;
}

static bool serve(const tls_proxy_t *proxy, tls_proxy_link_t *link)
{
    if (proxy->mode != TLS_PROXY_GARBAGE && proxy->mode != TLS_PROXY_CLOSE && proxy->mode != TLS_PROXY_SILENT &&
        !SSL_is_init_finished(link->ssl)) {
        const int n = SSL_do_handshake(link->ssl);
        if (n <= 0) return SSL_get_error(link->ssl, n) == SSL_ERROR_WANT_READ;
    }
    if (proxy->mode != TLS_PROXY_FORWARD) return misbehave(proxy, link);
    for (int i = 0; i < 8; i++) {
        if (!upwards(link) || !downwards(link)) return false;
    }
    return true;
}

void tls_proxy_turn(void *user)
{
    tls_proxy_t *proxy = user;
    /* OpenSSL writes to its socket as write(2) does. Minke's own sends must not need this: it holds for a turn. */
    void (*const before)(int) = signal(SIGPIPE, SIG_IGN);
    accept_one(proxy);
    for (int i = 0; i < TLS_PROXY_LINKS_MAX; i++) {
        tls_proxy_link_t *link = &proxy->links[i];
        ERR_clear_error();
        if (link->fd >= 0 && !serve(proxy, link)) end_link(link);
        ERR_clear_error();
    }
    (void)signal(SIGPIPE, before);
}
