/* The metrics server of a host over real sockets on loopback: what is asked, by whom, and how slowly. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver/clock.h"
#include "driver/host.h"
#include "support/test_env.h"

enum { PATIENCE_MS = 10000, ANSWER_BYTES = 1 << 20 };

static const char get_metrics[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

/* ---- a host and its clients, in one thread ---- */

static int64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void turn(minke_host_t *host)
{
    minke_event_t event;
    while (minke_poll(host, &event) == MINKE_OK) continue;
}

static minke_host_t *serving(void)
{
    minke_host_t *host = minke_host_new(NULL);
    assert_non_null(host);
    assert_int_equal(minke_serve_metrics(host, "127.0.0.1:0"), MINKE_OK);
    return host;
}

static int connect_to(const minke_host_t *host, int receive_buffer)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(host->metrics->bound.port),
                                   .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (receive_buffer > 0) {
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer), 0);
    }
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0); /* the system takes it */
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void say(int fd, const char *text, size_t len) { assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len); }

/* All until the end, at most `piece` bytes each turn; terminated. False: it was reset, or came to no end. */
static bool hear(minke_host_t *host, int fd, char *out, size_t piece, size_t *len)
{
    const int64_t until = now_ms() + PATIENCE_MS;
    *len = 0;
    while (now_ms() < until) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = minke_fd(host), .events = POLLIN}};
        turn(host);
        const ssize_t n = recv(fd, out + *len, piece < ANSWER_BYTES - 1 - *len ? piece : ANSWER_BYTES - 1 - *len, 0);
        if (n > 0) *len += (size_t)n;
        out[*len] = 0;
        if (n == 0) return true;
        if (n < 0 && errno != EAGAIN) return false;
        if (n < 0) (void)poll(fds, 2, 100);
    }
    return false;
}

static void turn_until_alone(minke_host_t *host)
{
    const int64_t until = now_ms() + PATIENCE_MS;
    do turn(host);
    while (host->metrics->clients_n > 0 && now_ms() < until);
    assert_int_equal(host->metrics->clients_n, 0);
}

static char answer[ANSWER_BYTES];

/* Returns the length of the body; `*body` is where it begins. */
static size_t check_answer(size_t len, const char *status, bool head_only, const char **body)
{
    char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    *body = end + 4;
    assert_memory_equal(answer, "HTTP/1.1 ", 9);
    assert_memory_equal(answer + 9, status, strlen(status));
    const char *field = strcasestr(answer, "\r\nContent-Length: ");
    assert_true(field != NULL && field < end);
    const size_t promised = strtoul(field + 18, NULL, 10), found = len - (size_t)(*body - answer);
    assert_true(promised > 0);
    assert_int_equal(found, head_only ? 0 : promised);
    static const char *const fields[] = {"\r\nConnection: close\r\n", "\r\nDate: ", "\r\nContent-Type: text/",
                                         "\r\nX-Content-Type-Options: nosniff\r\n"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) assert_non_null(strstr(answer, fields[i]));
    return found;
}

static const char *ask(minke_host_t *host, const char *request, size_t request_len, const char *status)
{
    size_t len;
    const char *body;
    const int fd = connect_to(host, 0);
    say(fd, request, request_len);
    assert_true(hear(host, fd, answer, 4096, &len));
    (void)close(fd);
    const bool head_only = request_len > 5 && memcmp(request, "HEAD ", 5) == 0;
    (void)check_answer(len, status, head_only, &body);
    turn_until_alone(host);
    return body;
}

static const char *ask_text(minke_host_t *host, const char *request, const char *status)
{
    return ask(host, request, strlen(request), status);
}

/* ---- what is asked ---- */

static void two_resources_are_served(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    static const char *const metrics[] = {get_metrics,
                                          "GET /metrics HTTP/1.0\r\n\r\n",
                                          "GET /metrics?name=minke_memory_bytes HTTP/1.1\r\nHost: a\r\n\r\n",
                                          "GET http://example.com/metrics HTTP/1.1\r\nHost: example.com\r\n\r\n",
                                          "GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                                          "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"};
    static const char *const pages[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /? HTTP/1.1\r\nHost: a\r\n\r\n",
                                        "GET http://example.com HTTP/1.1\r\nHost: example.com\r\n\r\n"};
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        assert_memory_equal(ask_text(host, metrics[i], "200 OK\r\n"), "# HELP minke_", 13);
        assert_non_null(strstr(answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    }
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        assert_memory_equal(ask_text(host, pages[i], "200 OK\r\n"), "<!doctype html>", 15);
        assert_non_null(strstr(answer, "\r\nContent-Type: text/html; charset=utf-8\r\n"));
        assert_non_null(strstr(answer, "\r\nContent-Security-Policy: default-src 'none'; "));
    }
    (void)ask_text(host, "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK\r\n");
    (void)ask_text(host, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK\r\n");
    minke_host_free(host);
}

static void everything_else_is_refused(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    static const struct {
        const char *request, *status;
    } cases[] = {
        {"GET /favicon.ico HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found\r\n"},
        {"GET /metrics/ HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found\r\n"},
        {"GET /Metrics HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found\r\n"},
        {"GET metrics HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found\r\n"},
        {"GET ?/ HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found\r\n"},
        {"GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK\r\n"},
        {"GET https://a/metrics HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found\r\n"},
        {"HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found\r\n"},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found\r\n"},
        {"CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n", "404 Not Found\r\n"},
        {"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "405 Method Not Allowed\r\n"},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", "405 Method Not Allowed\r\n"},
        {"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", "405 Method Not Allowed\r\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "413 Content Too Large\r\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "413 Content Too Large\r\n"},
        {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request\r\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request\r\n"},
        {"GET /\r\n\r\n", "400 Bad Request\r\n"},
        {"\x16\x03\x01\x02", "400 Bad Request\r\n"},
        {"GET / HTTP/1.1\nHost: a\n\n", "400 Bad Request\r\n"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) (void)ask_text(host, cases[i].request, cases[i].status);
    (void)ask_text(host, cases[11].request, cases[11].status);
    assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
    minke_host_free(host);
}

static void heads_without_end_are_refused(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    char *request = malloc(65536);
    assert_non_null(request);
    size_t len = (size_t)sprintf(request, "GET /");
    memset(request + len, 'a', 20000);
    (void)ask(host, request, len + 20000, "431 Request Header Fields Too Large\r\n");
    len = (size_t)sprintf(request, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 100; i++) len += (size_t)sprintf(request + len, "A: b\r\n");
    (void)ask(host, request, len, "431 Request Header Fields Too Large\r\n");
    free(request);
    minke_host_free(host);
}

/* ---- how it comes and goes ---- */

static void a_request_may_come_in_pieces(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    const size_t whole = strlen(get_metrics);
    for (size_t cut = 1; cut < whole; cut++) {
        size_t len;
        const char *body;
        const int fd = connect_to(host, 0);
        say(fd, get_metrics, cut);
        turn(host);
        turn(host);
        assert_int_equal(host->metrics->clients_n, 1);
        assert_int_equal(recv(fd, answer, 1, 0), -1);
        say(fd, get_metrics + cut, whole - cut);
        assert_true(hear(host, fd, answer, 4096, &len));
        (void)check_answer(len, "200 OK", false, &body);
        (void)close(fd);
    }
    turn_until_alone(host);
    minke_host_free(host);
}

static void add_addresses(minke_host_t *host, int n)
{
    char address[600] = "/dns4/";
    memset(address + 6, 'a', sizeof address - 7);
    for (int i = 0; i < n; i++) {
        address[6] = (char)('a' + i % 26);
        address[7] = (char)('a' + i / 26);
        (void)minke__node_listening(host->node, address, host->now);
    }
}

static minke_metrics_client_t *newest(const minke_host_t *host)
{
    return MINKE_CONTAINER(host->metrics->clients.previous, minke_metrics_client_t, siblings);
}

/* Buffers on both sides that hold a small part of the answer, and a client that takes 100 bytes a turn. */
static void a_slow_reader_gets_all(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    const int small = 4096;
    size_t len, whole;
    const char *body;
    add_addresses(host, 64);
    (void)ask_text(host, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "200 OK");
    whole = strlen(answer);
    assert_true(whole > 40000);
    const int fd = connect_to(host, small);
    turn(host);
    assert_int_equal(host->metrics->clients_n, 1);
    assert_int_equal(setsockopt(newest(host)->watch.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    say(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
    turn(host);
    turn(host);
    assert_int_equal(newest(host)->state, MINKE_METRICS_ANSWER);
    assert_true(newest(host)->answer.at < newest(host)->answer.len);
    assert_true(hear(host, fd, answer, 100, &len));
    (void)check_answer(len, "200 OK", false, &body);
    assert_true(len > whole - 1000 && strstr(body, "</html>") != NULL);
    (void)close(fd);
    minke_host_free(host);
}

/* Five seconds are all that a client has, whatever it does meanwhile. */
static void whoever_takes_too_long_is_put_out(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    const int small = 4096;
    size_t len;
    const int silent = connect_to(host, 0), half = connect_to(host, 0), deaf = connect_to(host, small);
    assert_int_equal(minke_timeout(host), -1);
    add_addresses(host, 64);
    turn(host);
    assert_int_equal(host->metrics->clients_n, 3);
    const int timeout = minke_timeout(host);
    assert_true(timeout > 4000 && timeout <= 5000);
    assert_int_equal(setsockopt(newest(host)->watch.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    say(half, get_metrics, 20);
    say(deaf, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
    turn(host);
    turn(host);
    assert_int_equal(newest(host)->state, MINKE_METRICS_ANSWER);
    for (minke_list_t *item = host->metrics->clients.next; item != &host->metrics->clients; item = item->next) {
        MINKE_CONTAINER(item, minke_metrics_client_t, siblings)->give_up_at = minke__clock_now();
    }
    turn(host);
    assert_int_equal(host->metrics->clients_n, 0);
    assert_int_equal(minke_timeout(host), -1);
    assert_true(hear(host, silent, answer, 4096, &len));
    assert_int_equal(len, 0);
    (void)close(silent);
    (void)close(half);
    (void)close(deaf);
    minke_host_free(host);
}

static void the_seventeenth_waits(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    int fds[MINKE_METRICS_CLIENTS_MAX];
    size_t len;
    const char *body;
    for (int i = 0; i < MINKE_METRICS_CLIENTS_MAX; i++) fds[i] = connect_to(host, 0);
    turn(host);
    const int last = connect_to(host, 0);
    say(last, get_metrics, strlen(get_metrics));
    turn(host);
    assert_int_equal(host->metrics->clients_n, MINKE_METRICS_CLIENTS_MAX);
    struct pollfd quiet = {.fd = minke_fd(host), .events = POLLIN};
    assert_int_equal(poll(&quiet, 1, 0), 0); /* the one that waits does not keep the loop awake */
    assert_int_equal(recv(last, answer, 1, 0), -1);
    (void)close(fds[3]);
    assert_true(hear(host, last, answer, 4096, &len));
    (void)check_answer(len, "200 OK", false, &body);
    (void)close(last);
    for (int i = 0; i < MINKE_METRICS_CLIENTS_MAX; i++) {
        if (i != 3) (void)close(fds[i]);
    }
    turn_until_alone(host);
    minke_host_free(host);
}

/* Whoever goes, by FIN or by RST, in whatever state, leaves nothing behind. */
static void clients_may_go_at_any_time(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    const struct linger reset = {.l_onoff = 1};
    for (size_t sent = 0; sent <= strlen(get_metrics); sent++) {
        for (int rudely = 0; rudely < 2; rudely++) {
            const int fd = connect_to(host, 0);
            if (sent % 2 == 0) turn(host);
            if (sent > 0) say(fd, get_metrics, sent);
            if (sent % 3 == 0) turn(host);
            if (rudely == 1) assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
            (void)close(fd);
            turn_until_alone(host);
        }
    }
    (void)ask_text(host, get_metrics, "200 OK");
    minke_host_free(host);
}

/* An answer arrives even if the client goes on talking; who never stops is put out. */
static void what_follows_a_request_is_dropped(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    char noise[4096];
    size_t len, sent = 0;
    const char *body;
    memset(noise, 'x', sizeof noise);
    const int fd = connect_to(host, 0);
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", 52);
    say(fd, noise, sizeof noise);
    assert_true(hear(host, fd, answer, 4096, &len));
    (void)check_answer(len, "405", false, &body);
    assert_int_equal(host->metrics->clients_n, 1);
    const minke_time_t give_up_at = newest(host)->give_up_at;
    while (host->metrics->clients_n > 0) {
        const ssize_t n = send(fd, noise, sizeof noise, MSG_NOSIGNAL);
        if (n > 0) sent += (size_t)n;
        turn(host);
    }
    assert_true(minke__clock_now() < give_up_at);
    assert_true(sent + sizeof noise > MINKE_METRICS_DRAINED_MAX);
    (void)close(fd);
    minke_host_free(host);
}

static void a_host_may_end_while_clients_are_there(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    size_t len;
    const int silent = connect_to(host, 0), half = connect_to(host, 0), answered = connect_to(host, 0);
    say(half, get_metrics, 20);
    say(answered, get_metrics, strlen(get_metrics));
    assert_true(hear(host, answered, answer, 4096, &len));
    assert_int_equal(host->metrics->clients_n, 3);
    minke_host_free(host);
    (void)close(silent);
    (void)close(half);
    (void)close(answered);
}

/* ---- shortages ---- */

/* Each allocation fails in turn: a client gets its answer, a short one that says why not, or none; the next one gets
 * all. */
static void out_of_memory(void **state)
{
    (void)state;
    test_env_t test;
    minke_host_options_t options;
    test_env_init(&test, 1);
    minke_host_defaults(&options);
    options.transport.allocator = test.env.allocator;
    minke_host_t *host = minke_host_new(&options);
    assert_non_null(host);
    test.fail_at = test.allocations + 1;
    assert_int_equal(minke_serve_metrics(host, "127.0.0.1:0"), MINKE_ERROR_NO_MEMORY);
    assert_null(host->metrics);
    int served = 0, refused = 0, dropped = 0;
    assert_int_equal(minke_serve_metrics(host, "127.0.0.1:0"), MINKE_OK);
    for (uint64_t n = 1; served == 0; n++) {
        size_t len;
        const int fd = connect_to(host, 0);
        say(fd, get_metrics, strlen(get_metrics));
        test.fail_at = test.allocations + n;
        (void)hear(host, fd, answer, 4096, &len);
        if (test.allocations < test.fail_at) served++;
        else if (strncmp(answer, "HTTP/1.1 503 ", 13) == 0) refused++;
        else dropped++;
        test.fail_at = 0;
        (void)close(fd);
        turn(host);
        (void)ask_text(host, get_metrics, "200 OK");
    }
    assert_int_equal(served, 1);
    assert_true(refused > 0 && dropped > 0);
    test.fail_at = test.allocations + 2; /* the client is taken, and from then on there is nothing */
    test.fail_for_good = true;
    size_t len;
    const int fd = connect_to(host, 0);
    say(fd, get_metrics, strlen(get_metrics));
    assert_true(hear(host, fd, answer, 4096, &len));
    assert_int_equal(len, 0);
    test.fail_at = 0;
    (void)close(fd);
    minke_host_free(host);
    assert_int_equal(test.blocks, 0);
}

/* Without a descriptor the listener looks away for a second, and then again. */
static void out_of_descriptors(void **state)
{
    (void)state;
    minke_host_t *host = serving();
    struct rlimit before, none;
    size_t len;
    const char *body;
    const int fd = connect_to(host, 0);
    say(fd, get_metrics, strlen(get_metrics));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3; /* those that are open stay open */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    turn(host);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(host->metrics->clients_n, 0);
    const int timeout = minke_timeout(host);
    assert_true(timeout > 500 && timeout <= 1000);
    turn(host);
    assert_int_equal(host->metrics->clients_n, 0);
    assert_true(hear(host, fd, answer, 4096, &len));
    (void)check_answer(len, "200 OK", false, &body);
    (void)close(fd);
    minke_host_free(host);
}

/* ---- where ---- */

static void where_it_is_served(void **state)
{
    (void)state;
    static const char *const malformed[] = {"",
                                            ":",
                                            "9464",
                                            ":9464",
                                            "127.0.0.1",
                                            "127.0.0.1:",
                                            "127.0.0.1:65536",
                                            "127.0.0.1:+1",
                                            "127.0.0.1:1 ",
                                            "::1:9464",
                                            "[::1]",
                                            "[::1]9464",
                                            "[127.0.0.1]:1",
                                            "[]:1",
                                            "localhost:9464",
                                            "[::1:1",
                                            "[",
                                            "127.0.0.1:000001"};
    minke_host_t *host = minke_host_new(NULL), *other = minke_host_new(NULL);
    char text[72], expected[72];
    assert_true(host != NULL && other != NULL);
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        assert_int_equal(minke_serve_metrics(host, malformed[i]), MINKE_ERROR_MALFORMED);
    }
    assert_int_equal(minke_metrics_address(host, text, sizeof text), MINKE_ERROR_STATE);
    assert_int_equal(minke_serve_metrics(host, "192.0.2.1:0"), MINKE_ERROR_SYSTEM);
    assert_int_equal(errno, EADDRNOTAVAIL);
    assert_int_equal(minke_serve_metrics(host, "127.0.0.1:0"), MINKE_OK);
    assert_int_equal(minke_serve_metrics(host, "127.0.0.1:0"), MINKE_ERROR_EXISTS);
    const ssize_t len = minke_metrics_address(host, text, sizeof text);
    assert_int_equal(len, sprintf(expected, "127.0.0.1:%u", host->metrics->bound.port));
    assert_string_equal(text, expected);
    assert_int_equal(minke_metrics_address(host, text, (size_t)len), MINKE_ERROR_NO_SPACE);
    assert_int_equal(minke_metrics_address(host, text, (size_t)len + 1), len);
    assert_int_equal(minke_serve_metrics(other, text), MINKE_ERROR_SYSTEM);
    assert_int_equal(errno, EADDRINUSE);
    minke_host_free(host);
    minke_host_free(other);
}

static void over_ip6(void **state)
{
    (void)state;
    minke_host_t *host = minke_host_new(NULL);
    char text[72];
    assert_non_null(host);
    const int result = minke_serve_metrics(host, "[::1]:0");
    if (result == MINKE_ERROR_SYSTEM && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)) {
        print_message("this machine has no IPv6 on loopback: not tested\n");
    } else {
        assert_int_equal(result, MINKE_OK);
        assert_true(minke_metrics_address(host, text, sizeof text) > 0);
        assert_memory_equal(text, "[::1]:", 6);
    }
    minke_host_free(host);
}

/* ---- what it says of a host that lives ---- */

static uint64_t metric(minke_host_t *host, const char *series)
{
    char line[128];
    (void)ask_text(host, get_metrics, "200 OK");
    (void)snprintf(line, sizeof line, "\n%s ", series);
    const char *at = strstr(answer, line);
    if (at == NULL) print_error("there is no %s\n", series);
    assert_non_null(at);
    return strtoull(at + strlen(line), NULL, 10);
}

/* A dialler over TCP, one over webrtc-direct. */
static void connections_are_counted(void **state)
{
    (void)state;
    minke_host_t *host = serving(), *dialer = minke_host_new(NULL);
    minke_event_t event;
    minke_connection_t connection;
    int listening = 0, connected = 0;
    assert_non_null(dialer);
    assert_int_equal(minke_serve_metrics(dialer, "127.0.0.1:0"), MINKE_OK);
    assert_int_equal(minke_listen(host, "/ip4/127.0.0.1/tcp/0"), MINKE_OK);
    assert_int_equal(minke_listen(host, "/ip4/127.0.0.1/udp/0/webrtc-direct"), MINKE_OK);
    for (const int64_t until = now_ms() + PATIENCE_MS; now_ms() < until && connected < 2;) {
        while (minke_poll(host, &event) == MINKE_OK) {
            if (event.type == MINKE_EVENT_CONNECTED) connected++;
            if (event.type != MINKE_EVENT_LISTENING) continue;
            assert_int_equal(minke_dial(dialer, event.addr, 1, &connection), MINKE_OK);
            listening++;
        }
        turn(dialer);
    }
    assert_int_equal(listening, 2);
    assert_int_equal(connected, 2);
    assert_int_equal(metric(host, "minke_connections{path=\"tcp\",direction=\"in\"}"), 1);
    assert_int_equal(metric(host, "minke_connections{path=\"webrtc_direct\",direction=\"in\"}"), 1);
    assert_int_equal(metric(host, "minke_connections{path=\"webrtc_direct\",direction=\"out\"}"), 0);
    assert_int_equal(metric(dialer, "minke_connections{path=\"tcp\",direction=\"out\"}"), 1);
    assert_int_equal(metric(host, "minke_connections_max"), 4096);
    assert_true(metric(host, "minke_connections_accepted_total") > 0);
    assert_true(metric(host, "minke_memory_bytes") > 1000);
    assert_true(metric(host, "minke_datagrams_received_total") > 0);
    assert_true(metric(host, "process_resident_memory_bytes") > 1 << 20);
    assert_true(metric(host, "process_open_fds") > 4);
    assert_true(metric(host, "process_max_fds") >= metric(host, "process_open_fds"));
    const uint64_t started = metric(host, "minke_start_time_seconds"), now = (uint64_t)time(NULL);
    assert_true(started <= now && now - started < 60);
    assert_int_equal(metric(host, "minke_start_time_seconds"), started);
    minke_host_free(dialer);
    minke_host_free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_resources_are_served),
        cmocka_unit_test(everything_else_is_refused),
        cmocka_unit_test(heads_without_end_are_refused),
        cmocka_unit_test(a_request_may_come_in_pieces),
        cmocka_unit_test(a_slow_reader_gets_all),
        cmocka_unit_test(whoever_takes_too_long_is_put_out),
        cmocka_unit_test(the_seventeenth_waits),
        cmocka_unit_test(clients_may_go_at_any_time),
        cmocka_unit_test(what_follows_a_request_is_dropped),
        cmocka_unit_test(a_host_may_end_while_clients_are_there),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(out_of_descriptors),
        cmocka_unit_test(where_it_is_served),
        cmocka_unit_test(over_ip6),
        cmocka_unit_test(connections_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
