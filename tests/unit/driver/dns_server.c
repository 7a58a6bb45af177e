#define _GNU_SOURCE
#include "unit/driver/dns_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/wire.h"

enum { HEADER_BYTES = 12, PACKET_MAX = 4096, NAME_MAX_BYTES = 256, PIECE = 100 };
enum { NO_ERROR = 0, SERVER_FAILURE = 2, NO_NAME = 3, RESPONSE = 0x8180, TRUNCATION = 0x0200 };

static int bound_socket(int type, struct sockaddr_in *address)
{
    const int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (bind(fd, (struct sockaddr *)address, sizeof *address) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* The same port twice: another program may have one of them. */
void dns_server_start(dns_server_t *server)
{
    memset(server, 0, sizeof *server);
    server->connection = server->tcp = -1;
    for (int attempt = 0; server->tcp < 0; attempt++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof address;
        assert_true(attempt < 50);
        server->udp = bound_socket(SOCK_DGRAM, &address);
        assert_int_equal(getsockname(server->udp, (struct sockaddr *)&address, &len), 0);
        server->tcp = bound_socket(SOCK_STREAM, &address);
        if (server->tcp < 0) (void)close(server->udp);
        (void)snprintf(server->text, sizeof server->text, "127.0.0.1:%u", ntohs(address.sin_port));
    }
    assert_int_equal(listen(server->tcp, 4), 0);
}

void dns_server_stop(dns_server_t *server)
{
    (void)close(server->udp);
    (void)close(server->tcp);
    if (server->connection >= 0) (void)close(server->connection);
}

static dns_record_t *new_record(dns_server_t *server, const char *name, uint16_t type, dns_behaviour_t behaviour)
{
    assert_true(server->records_n < DNS_RECORDS_MAX);
    dns_record_t *record = &server->records[server->records_n++];
    *record = (dns_record_t){.name = name, .type = type, .behaviour = behaviour};
    return record;
}

void dns_server_add(dns_server_t *server, const char *name, uint16_t type, const char *value)
{
    dns_record_t *record = new_record(server, name, type, DNS_ANSWER);
    assert_true(strlen(value) < sizeof record->value);
    strcpy(record->value, value);
}

void dns_server_behave(dns_server_t *server, const char *name, uint16_t type, dns_behaviour_t behaviour)
{
    (void)new_record(server, name, type, behaviour);
}

static bool read_question(minke_reader_t *r, char *name, uint16_t *type)
{
    minke_writer_t w = minke__writer(name, NAME_MAX_BYTES);
    for (size_t len; (len = minke__read_u8(r)) > 0;) {
        if (w.len > 0) minke__write_u8(&w, '.');
        minke__write_bytes(&w, minke__read_bytes(r, len), len);
    }
    minke__write_u8(&w, 0);
    *type = minke__read_u16(r);
    (void)minke__read_u16(r);
    return !r->failed && !w.failed;
}

static void write_data(minke_writer_t *w, const dns_record_t *record)
{
    const size_t len = strlen(record->value);
    uint8_t ip[16];
    if (record->type != DNS_TXT) {
        assert_int_equal(inet_pton(record->type == DNS_A ? AF_INET : AF_INET6, record->value, ip), 1);
        minke__write_u16(w, record->type == DNS_A ? 4 : 16);
        minke__write_bytes(w, ip, record->type == DNS_A ? 4 : 16);
        return;
    }
    minke__write_u16(w, (uint16_t)(len + (len + PIECE - 1) / PIECE));
    for (size_t at = 0; at < len; at += PIECE) {
        const size_t n = len - at < PIECE ? len - at : PIECE;
        minke__write_u8(w, (uint8_t)n);
        minke__write_bytes(w, record->value + at, n);
    }
}

/* What the server does with a question, by the first record that is meant; NULL: nothing is known. */
static const dns_record_t *first_match(const dns_server_t *server, const char *name, uint16_t type, bool *exists)
{
    const dns_record_t *match = NULL;
    *exists = false;
    for (size_t i = 0; i < server->records_n; i++) {
        const dns_record_t *record = &server->records[i];
        if (strcasecmp(record->name, name) != 0) continue;
        *exists = true;
        if (record->type == type && match == NULL) match = record;
    }
    return match;
}

static uint16_t write_answers(const dns_server_t *server, minke_writer_t *w, const char *name, uint16_t type)
{
    uint16_t n = 0;
    for (size_t i = 0; i < server->records_n; i++) {
        const dns_record_t *record = &server->records[i];
        if (record->type != type || strcasecmp(record->name, name) != 0 || record->behaviour == DNS_EMPTY) continue;
        minke__write_u16(w, 0xc000 | HEADER_BYTES); /* the name of the question */
        minke__write_u16(w, type);
        minke__write_u16(w, 1);
        minke__write_u32(w, 60);
        write_data(w, record);
        n++;
    }
    return n;
}

static void spoil(minke_writer_t *w, size_t from)
{
    for (size_t i = from; i < w->len; i++) w->data[i] = (uint8_t)(i * 151 + 77);
}

/* Returns the length of the answer, 0 if there is none. */
static size_t answer(dns_server_t *server, const uint8_t *question, size_t len, bool over_tcp, uint8_t *out)
{
    char name[NAME_MAX_BYTES];
    uint16_t type;
    bool exists;
    minke_reader_t r = minke__reader(question, len);
    minke_writer_t w = minke__writer(out, PACKET_MAX);
    const uint16_t id = minke__read_u16(&r);
    (void)minke__read_bytes(&r, HEADER_BYTES - 2);
    if (!read_question(&r, name, &type)) return 0;
    server->questions_n++;
    const dns_record_t *match = first_match(server, name, type, &exists);
    const dns_behaviour_t behaviour = match != NULL ? match->behaviour : DNS_EMPTY;
    if (server->is_silent || behaviour == DNS_SILENCE) return 0;
    minke__write_u16(&w, id);
    minke__write_u16(&w, RESPONSE | (exists ? NO_ERROR : NO_NAME));
    minke__write_u16(&w, 1);
    minke__write_zeros(&w, 6);
    minke__write_bytes(&w, question + HEADER_BYTES, r.at - HEADER_BYTES);
    const size_t answers_at = w.len;
    if (behaviour == DNS_FAILURE) {
        minke__patch_u16(&w, 2, RESPONSE | SERVER_FAILURE);
    } else if (behaviour == DNS_TRUNCATED && !over_tcp) {
        minke__patch_u16(&w, 2, RESPONSE | TRUNCATION);
    } else if (behaviour == DNS_GARBAGE) {
        minke__patch_u16(&w, 6, 3);
        minke__write_zeros(&w, 100);
        spoil(&w, answers_at);
    } else {
        minke__patch_u16(&w, 6, write_answers(server, &w, name, type));
        if (behaviour == DNS_SHORT) w.len -= 3;
    }
    assert_false(w.failed);
    return w.len;
}

static void serve_udp(dns_server_t *server)
{
    uint8_t question[PACKET_MAX], reply[PACKET_MAX];
    struct sockaddr_in from;
    for (;;) {
        socklen_t from_len = sizeof from;
        const ssize_t n = recvfrom(server->udp, question, sizeof question, 0, (struct sockaddr *)&from, &from_len);
        if (n < 0) return;
        const size_t len = answer(server, question, (size_t)n, false, reply);
        if (len > 0) (void)sendto(server->udp, reply, len, 0, (struct sockaddr *)&from, from_len);
    }
}

/* One connection at a time; a question comes in one piece on loopback. */
static void serve_tcp(dns_server_t *server)
{
    uint8_t question[PACKET_MAX], reply[PACKET_MAX + 2];
    if (server->connection < 0) server->connection = accept4(server->tcp, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (server->connection < 0) return;
    const ssize_t n = recv(server->connection, question, sizeof question, 0);
    if (n == 0) {
        (void)close(server->connection);
        server->connection = -1;
    }
    if (n <= 2) return;
    const size_t len = answer(server, question + 2, (size_t)n - 2, true, reply + 2);
    minke__store_u16(reply, (uint32_t)len);
    if (len > 0) (void)send(server->connection, reply, len + 2, MSG_NOSIGNAL);
}

void dns_server_serve(dns_server_t *server)
{
    serve_udp(server);
    serve_tcp(server);
}
