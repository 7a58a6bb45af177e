/*
 * A DNS server of the test's own: UDP on loopback, TCP on the same port for what is truncated. It knows what it was
 * told and says that nothing else exists.
 */
#ifndef MINKE_TESTS_DNS_SERVER_H
#define MINKE_TESTS_DNS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_A = 1, DNS_TXT = 16, DNS_AAAA = 28, DNS_RECORDS_MAX = 160 };

typedef enum dns_behaviour {
    DNS_ANSWER,
    DNS_SILENCE,   /* never answers for this name and type */
    DNS_FAILURE,   /* SERVFAIL */
    DNS_GARBAGE,   /* the answer section is random bytes */
    DNS_SHORT,     /* cut in the middle of the record */
    DNS_TRUNCATED, /* only over TCP */
    DNS_EMPTY      /* the name exists, this type does not */
} dns_behaviour_t;

typedef struct dns_record {
    const char *name;
    uint16_t type;
    dns_behaviour_t behaviour;
    char value[300]; /* an address in text, or the text of a TXT record, sent in pieces of 100 bytes */
} dns_record_t;

typedef struct dns_server {
    int udp, tcp, connection;
    char text[32]; /* "127.0.0.1:PORT" */
    dns_record_t records[DNS_RECORDS_MAX];
    size_t records_n;
    size_t questions_n; /* that have come */
    bool is_silent;     /* for every name */
} dns_server_t;

void dns_server_start(dns_server_t *server);
void dns_server_stop(dns_server_t *server);
void dns_server_add(dns_server_t *server, const char *name, uint16_t type, const char *value);
void dns_server_behave(dns_server_t *server, const char *name, uint16_t type, dns_behaviour_t behaviour);
/* Answers what has come. */
void dns_server_serve(dns_server_t *server);

#endif
