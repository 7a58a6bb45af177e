#include "driver/dns_channel.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/wire.h"

/* c-ares doubles the time for each round of its servers: 1.5 s, 3 s, 6 s. dns.h ends everything after 10 s. */
enum { TIMEOUT_MS = 1500, TRIES = 3, EVENTS_PER_TURN = 16, TXT_MAX = 2048 };

/* From 1.28 on answers come parsed, and the calls before that are deprecated. */
#define HAS_RECORDS (ARES_VERSION >= 0x011c00)

/* ---- opening and closing ---- */

/* Neither reading nor writing: the socket is about to be closed. */
static void on_socket(void *user, ares_socket_t fd, int reads, int writes)
{
    const minke_dns_channel_t *channel = user;
    struct epoll_event interest = {.events = (reads ? (uint32_t)EPOLLIN : 0) | (writes ? (uint32_t)EPOLLOUT : 0),
                                   .data = {.fd = fd}};
    if (interest.events == 0) (void)epoll_ctl(channel->epoll, EPOLL_CTL_DEL, fd, &interest);
    else if (epoll_ctl(channel->epoll, EPOLL_CTL_MOD, fd, &interest) < 0)
        (void)epoll_ctl(channel->epoll, EPOLL_CTL_ADD, fd, &interest);
}

/* ares_library_init counts without a lock, and on POSIX systems it does nothing else: hosts on several threads do
 * without it. */
static int open_channel(minke_dns_channel_t *channel)
{
    struct ares_options options = {
        .timeout = TIMEOUT_MS, .tries = TRIES, .sock_state_cb = on_socket, .sock_state_cb_data = channel};
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (channel->servers != NULL) {
        /* Names mean the same whatever search list this machine has. */
        options.flags = ARES_FLAG_NOSEARCH;
        mask |= ARES_OPT_FLAGS;
    }
    ares_channel opened = NULL;
    if (ares_init_options(&opened, &options, mask) != ARES_SUCCESS) return MINKE_ERROR_NO_MEMORY;
    if (channel->servers != NULL && ares_set_servers_ports_csv(opened, channel->servers) != ARES_SUCCESS) {
        ares_destroy(opened);
        return MINKE_ERROR_INVALID;
    }
    channel->channel = opened;
    return MINKE_OK;
}

void minke__dns_channel_close(minke_dns_channel_t *channel)
{
    if (channel->channel != NULL) ares_destroy(channel->channel);
    channel->channel = NULL;
}

static int copy_servers(minke_dns_channel_t *channel, const char *servers)
{
    if (servers == NULL) return MINKE_OK;
    const size_t bytes = strlen(servers) + 1;
    channel->servers = minke__alloc(channel->env, bytes);
    if (channel->servers == NULL) return MINKE_ERROR_NO_MEMORY;
    memcpy(channel->servers, servers, bytes);
    const int result = open_channel(channel);
    minke__dns_channel_close(channel);
    return result;
}

int minke__dns_channel_init(minke_dns_channel_t *channel, const minke_env_t *env, const char *servers,
                            minke_dns_hearer_t hearer)
{
    *channel = (minke_dns_channel_t){.env = env, .hearer = hearer};
    channel->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (channel->epoll < 0) return MINKE_ERROR_SYSTEM;
    const int result = copy_servers(channel, servers);
    if (result < 0) minke__dns_channel_free(channel);
    return result;
}

void minke__dns_channel_free(minke_dns_channel_t *channel)
{
    minke__dns_channel_close(channel);
    minke__free(channel->env, channel->servers);
    if (channel->epoll >= 0) (void)close(channel->epoll);
    channel->epoll = -1;
}

/* ---- questions and answers ---- */

typedef struct question {
    minke_dns_channel_t *channel;
    void *asker;
} question_t;

static minke_dns_failure_t failure_of(int status)
{
    switch (status) {
    case ARES_SUCCESS: return MINKE_DNS_FAILED_NOT;
    case ARES_ENODATA: return MINKE_DNS_FAILED_NO_DATA;
    case ARES_ENOTFOUND: return MINKE_DNS_FAILED_NO_NAME;
    case ARES_ETIMEOUT: return MINKE_DNS_FAILED_SILENCE;
    case ARES_ECONNREFUSED: return MINKE_DNS_FAILED_NETWORK;
    case ARES_ENOMEM:
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION: return MINKE_DNS_FAILED_MEMORY;
    default: return MINKE_DNS_FAILED_ANSWER;
    }
}

static void done(question_t *question, int status)
{
    minke_dns_channel_t *channel = question->channel;
    void *asker = question->asker;
    minke__free(channel->env, question);
    channel->questions_n--;
    channel->hearer.done(asker, failure_of(status));
}

static void found(const question_t *question, const void *bytes, size_t len)
{
    question->channel->hearer.found(question->asker, bytes, len);
}

static void on_addresses(void *user, int status, int timeouts, struct ares_addrinfo *addresses)
{
    question_t *question = user;
    (void)timeouts;
    if (addresses == NULL) {
        done(question, status);
        return;
    }
    for (const struct ares_addrinfo_node *node = addresses->nodes; node != NULL; node = node->ai_next) {
        const void *address = node->ai_addr;
        if (node->ai_family == AF_INET) found(question, &((const struct sockaddr_in *)address)->sin_addr, 4);
        else if (node->ai_family == AF_INET6) found(question, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    }
    ares_freeaddrinfo(addresses);
    done(question, status);
}

#if HAS_RECORDS

static void on_texts(void *user, ares_status_t status, size_t timeouts, const ares_dns_record_t *record)
{
    question_t *question = user;
    const size_t n = record != NULL ? ares_dns_record_rr_cnt(record, ARES_SECTION_ANSWER) : 0;
    (void)timeouts;
    for (size_t i = 0; i < n && status == ARES_SUCCESS; i++) {
        const ares_dns_rr_t *rr = ares_dns_record_rr_get_const(record, ARES_SECTION_ANSWER, i);
        size_t len = 0;
        if (rr == NULL || ares_dns_rr_get_type(rr) != ARES_REC_TYPE_TXT) continue;
        const unsigned char *text = ares_dns_rr_get_bin(rr, ARES_RR_TXT_DATA, &len);
        if (text != NULL && len <= TXT_MAX) found(question, text, len);
    }
    done(question, (int)status);
}

static void ask_for_texts(ares_channel channel, const char *name, question_t *question)
{
    /* It has called on_texts if it fails at once. */
    (void)ares_query_dnsrec(channel, name, ARES_CLASS_IN, ARES_REC_TYPE_TXT, on_texts, question, NULL);
}

#else

enum { CLASS_IN = 1, TYPE_TXT = 16 };

/* A record's text comes in pieces of at most 255 bytes. Returns the piece where the next record begins. */
static const struct ares_txt_ext *one_text(const question_t *question, const struct ares_txt_ext *piece)
{
    uint8_t text[TXT_MAX];
    minke_writer_t w = minke__writer(text, sizeof text);
    do {
        minke__write_bytes(&w, piece->txt, piece->length);
        piece = piece->next;
    } while (piece != NULL && !piece->record_start);
    if (!w.failed) found(question, text, w.len);
    return piece;
}

static void on_texts(void *user, int status, int timeouts, unsigned char *packet, int len)
{
    question_t *question = user;
    struct ares_txt_ext *texts = NULL;
    (void)timeouts;
    if (status == ARES_SUCCESS) status = ares_parse_txt_reply_ext(packet, len, &texts);
    for (const struct ares_txt_ext *piece = texts; piece != NULL;) piece = one_text(question, piece);
    if (texts != NULL) ares_free_data(texts);
    done(question, status);
}

static void ask_for_texts(ares_channel channel, const char *name, question_t *question)
{
    ares_query(channel, name, CLASS_IN, TYPE_TXT, on_texts, question);
}

#endif

void minke__dns_channel_ask(minke_dns_channel_t *channel, minke_dns_question_t question, const char *name, void *asker)
{
    question_t *asked = minke__alloc(channel->env, sizeof *asked);
    if (asked == NULL || (channel->channel == NULL && open_channel(channel) < 0)) {
        minke__free(channel->env, asked);
        channel->hearer.done(asker, MINKE_DNS_FAILED_MEMORY);
        return;
    }
    *asked = (question_t){channel, asker};
    channel->questions_n++;
    if (question == MINKE_DNS_ASK_TXT) {
        ask_for_texts(channel->channel, name, asked);
        return;
    }
    /* A port and a socket type keep c-ares from giving each address once per type. */
    const struct ares_addrinfo_hints hints = {.ai_family = question == MINKE_DNS_ASK_IP4 ? AF_INET : AF_INET6,
                                              .ai_socktype = SOCK_STREAM,
                                              .ai_flags = ARES_AI_NOSORT};
    ares_getaddrinfo(channel->channel, name, NULL, &hints, on_addresses, asked);
}

/* ---- the loop ---- */

void minke__dns_channel_process(minke_dns_channel_t *channel)
{
    struct epoll_event ready[EVENTS_PER_TURN];
    if (channel->channel == NULL) return;
    const int n = epoll_wait(channel->epoll, ready, EVENTS_PER_TURN, 0);
    for (int i = 0; i < n; i++) {
        const ares_socket_t fd = ready[i].data.fd;
        /* One that an earlier turn of this loop has closed is unknown to c-ares, which does nothing then. */
        ares_process_fd(channel->channel, (ready[i].events & (uint32_t)~EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD,
                        (ready[i].events & (uint32_t)EPOLLOUT) != 0 ? fd : ARES_SOCKET_BAD);
    }
    ares_process_fd(channel->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

minke_time_t minke__dns_channel_wait(const minke_dns_channel_t *channel)
{
    struct timeval left;
    if (channel->channel == NULL || ares_timeout(channel->channel, NULL, &left) == NULL) return MINKE_TIME_NEVER;
    if (left.tv_sec < 0) return 0;
    return (minke_time_t)left.tv_sec * 1000000 + (minke_time_t)left.tv_usec;
}
