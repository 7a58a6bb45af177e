#include "driver/dns.h"

#include <string.h>

#include "base/list.h"
#include "base/wire.h"
#include "driver/dns_address.h"
#include "driver/dns_channel.h"

/*
 * Whoever has an address waits this long for more of them: a server that never answers for AAAA is not rare (RFC 4074),
 * and a resolver that has to go to the root may need a second.
 */
static const minke_time_t more_after = 1000 * 1000;
static const minke_time_t give_up_after = 10 * 1000 * 1000;

/* Of all resolutions, those that nobody waits for any more included: c-ares cannot take a single question back. */
enum { QUESTIONS_AT_ONCE_MAX = 512, NAME_SHOWN_MAX = 64 };

enum { IP6, IP4, FAMILIES_N };

typedef struct found {
    size_t n;
    minke_multiaddr_t addresses[MINKE_DNS_ADDRESSES_MAX];
    char names[MINKE_DNS_ADDRESSES_MAX][MINKE_NAME_BYTES];
} found_t;

/* The higher, the more it says. */
typedef enum reason {
    REASON_NONE,
    REASON_NOTHING_FITS, /* records, but none of them for us */
    REASON_NO_DATA,
    REASON_NO_NAME,
    REASON_TOO_DEEP,
    REASON_NOT_A_NAME,
    REASON_ANSWER,
    REASON_SILENCE,
    REASON_NETWORK,
    REASON_LIMIT,
    REASON_MEMORY
} reason_t;

typedef struct resolution {
    minke_list_t in_dns; /* waiting or answered */
    minke_list_t lookups;
    uint64_t user;
    minke_time_t give_up_at;
    minke_time_t more_at; /* NEVER: nothing has been found yet */
    size_t questions_n;   /* asked so far */
    size_t open_n;        /* lookups that are not done */
    found_t found[FAMILIES_N];
    reason_t reason;
    char error[192];
} resolution_t;

/* One name that is or was looked up. They stay until the resolution ends, so that no name is asked for twice. */
typedef struct lookup {
    minke_dns_t *dns;
    minke_list_t in_resolution;
    resolution_t *resolution; /* NULL: it has ended, and c-ares still knows this one */
    minke_multiaddr_t address;
    minke_dns_name_t name;
    uint8_t steps; /* how many records led here */
    uint8_t open_n;
    bool asked, has_found, has_failed;
} lookup_t;

struct minke_dns {
    const minke_env_t *env;
    minke_dns_channel_t channel;
    minke_list_t waiting, answered;
    size_t resolutions_n;
    minke_time_t now; /* of the call that runs */
};

bool minke__dns_is_needed(const minke_multiaddr_t *address)
{
    minke_dns_name_t name;
    return minke__dns_name_of(address, &name);
}

/* ---- why there are no addresses ---- */

static void write_name(minke_writer_t *w, const char *name)
{
    const size_t len = strlen(name);
    minke__write_bytes(w, name, len <= NAME_SHOWN_MAX ? len : NAME_SHOWN_MAX);
    if (len > NAME_SHOWN_MAX) minke__write_text(w, "..");
}

/* `before` NAME `after` */
static void blame(resolution_t *r, reason_t reason, const char *before, const char *name, const char *after)
{
    if (reason <= r->reason) return;
    r->reason = reason;
    minke_writer_t w = minke__writer(r->error, sizeof r->error);
    minke__write_text(&w, before);
    write_name(&w, name);
    minke__write_text(&w, after);
    minke__write_terminator(&w);
}

static void blame_no_data(resolution_t *r, const minke_dns_name_t *name)
{
    const char *after = " has no address";
    if (name->code == MINKE_MULTIADDR_DNS4) after = " has no IPv4 address: try /dns or /dns6";
    if (name->code == MINKE_MULTIADDR_DNS6) after = " has no IPv6 address: try /dns or /dns4";
    blame(r, REASON_NO_DATA, "", name->text, after);
}

static void blame_dns(resolution_t *r, const minke_dns_name_t *name, minke_dns_failure_t failure)
{
    const bool is_dnsaddr = name->code == MINKE_MULTIADDR_DNSADDR;
    switch (failure) {
    case MINKE_DNS_FAILED_NOT: break;
    case MINKE_DNS_FAILED_NO_DATA:
    case MINKE_DNS_FAILED_NO_NAME:
        if (is_dnsaddr) blame(r, REASON_NO_NAME, "there is no TXT record at _dnsaddr.", name->text, ": try /dns");
        else if (failure == MINKE_DNS_FAILED_NO_DATA) blame_no_data(r, name);
        else blame(r, REASON_NO_NAME, "", name->text, " does not exist: is it spelt right?");
        break;
    case MINKE_DNS_FAILED_ANSWER:
        blame(r, REASON_ANSWER, "the DNS server fails when asked for ", name->text, ": try again later");
        break;
    case MINKE_DNS_FAILED_SILENCE:
        blame(r, REASON_SILENCE, "no DNS server answered when asked for ", name->text, ": is there a network?");
        break;
    case MINKE_DNS_FAILED_NETWORK:
        blame(r, REASON_NETWORK, "every DNS server fails or cannot be reached when asked for ", name->text,
              ": is there a network?");
        break;
    case MINKE_DNS_FAILED_MEMORY: blame(r, REASON_MEMORY, "out of memory looking up ", name->text, ""); break;
    }
}

/* ---- what is found ---- */

static bool is_known(const found_t *found, const minke_multiaddr_t *address)
{
    for (size_t i = 0; i < found->n; i++) {
        const minke_multiaddr_t *known = &found->addresses[i];
        if (known->len == address->len && memcmp(known->bytes, address->bytes, address->len) == 0) return true;
    }
    return false;
}

static void add_address(resolution_t *r, const minke_multiaddr_t *address, const char *name, minke_time_t now)
{
    minke_multiaddr_component_t first;
    size_t at = 0;
    if (!minke__multiaddr_next(address, &at, &first)) return;
    found_t *found = &r->found[first.code == MINKE_MULTIADDR_IP4 ? IP4 : IP6];
    if (found->n == MINKE_DNS_ADDRESSES_MAX || is_known(found, address)) return;
    minke_writer_t w = minke__writer(found->names[found->n], sizeof found->names[0]);
    minke__write_text(&w, name);
    minke__write_terminator(&w);
    found->addresses[found->n++] = *address;
    r->more_at = now + more_after;
}

static bool is_asked_for(const resolution_t *r, const minke_multiaddr_t *address)
{
    for (const minke_list_t *node = r->lookups.next; node != &r->lookups; node = node->next) {
        const lookup_t *lookup = MINKE_CONTAINER(node, lookup_t, in_resolution);
        if (lookup->address.len == address->len && memcmp(lookup->address.bytes, address->bytes, address->len) == 0)
            return true;
    }
    return false;
}

/* Another name to look up. A circle of names ends because each is asked for once. */
static void add_name(minke_dns_t *dns, resolution_t *r, const minke_multiaddr_t *address, uint8_t steps)
{
    minke_dns_name_t name;
    if (!minke__dns_name_of(address, &name)) return;
    if (is_asked_for(r, address)) {
        blame(r, REASON_TOO_DEEP, "the /dnsaddr records lead in a circle, back to ", name.text, "");
        return;
    }
    if (!minke__dns_name_is_valid(name.text)) {
        blame(r, REASON_NOT_A_NAME, "\"", name.text, "\" is no name that DNS could know: is it spelt right?");
        return;
    }
    if (steps > MINKE_DNS_STEPS_MAX) {
        blame(r, REASON_TOO_DEEP, "too many /dnsaddr records lead from one to the next, the last to ", name.text, "");
        return;
    }
    lookup_t *lookup = minke__alloc(dns->env, sizeof *lookup);
    if (lookup == NULL) {
        blame_dns(r, &name, MINKE_DNS_FAILED_MEMORY);
        return;
    }
    *lookup = (lookup_t){.dns = dns, .resolution = r, .address = *address, .name = name, .steps = steps};
    minke__list_append(&r->lookups, &lookup->in_resolution);
    r->open_n++;
}

static void on_found(void *asker, const uint8_t *bytes, size_t len)
{
    lookup_t *lookup = asker;
    minke_multiaddr_t address;
    resolution_t *r = lookup->resolution;
    if (r == NULL) return;
    if (lookup->name.code != MINKE_MULTIADDR_DNSADDR) {
        if (minke__dns_replace(&lookup->address, bytes, len, &address) < 0) return;
        lookup->has_found = true;
        add_address(r, &address, lookup->name.text, lookup->dns->now);
        return;
    }
    if (minke__dnsaddr_read(&lookup->address, bytes, len, &address) < 0) return;
    lookup->has_found = true;
    if (minke__dns_is_needed(&address)) add_name(lookup->dns, r, &address, (uint8_t)(lookup->steps + 1));
    else add_address(r, &address, "", lookup->dns->now);
}

static void lookup_done(lookup_t *lookup)
{
    resolution_t *r = lookup->resolution;
    r->open_n--;
    if (lookup->has_found || lookup->has_failed) return;
    if (lookup->name.code == MINKE_MULTIADDR_DNSADDR) {
        blame(r, REASON_NOTHING_FITS, "no TXT record at _dnsaddr.", lookup->name.text,
              " is for this address: is the peer id right?");
    } else {
        blame_no_data(r, &lookup->name);
    }
}

static void on_done(void *asker, minke_dns_failure_t failure)
{
    lookup_t *lookup = asker;
    lookup->open_n--;
    if (lookup->resolution == NULL) {
        if (lookup->open_n == 0) minke__free(lookup->dns->env, lookup);
        return;
    }
    if (failure != MINKE_DNS_FAILED_NOT) {
        lookup->has_failed = true;
        blame_dns(lookup->resolution, &lookup->name, failure);
    }
    if (lookup->open_n == 0) lookup_done(lookup);
}

/* ---- asking ---- */

static void ask(minke_dns_t *dns, lookup_t *lookup, minke_dns_question_t question, const char *name)
{
    lookup->resolution->questions_n++;
    minke__dns_channel_ask(&dns->channel, question, name, lookup);
}

static void ask_for_records(minke_dns_t *dns, lookup_t *lookup)
{
    char name[sizeof "_dnsaddr." + MINKE_DNS_NAME_BYTES];
    minke_writer_t w = minke__writer(name, sizeof name);
    minke__write_text(&w, "_dnsaddr.");
    minke__write_text(&w, lookup->name.text);
    minke__write_terminator(&w);
    if (minke__dns_name_is_valid(name)) {
        ask(dns, lookup, MINKE_DNS_ASK_TXT, name);
        return;
    }
    lookup->has_failed = true;
    blame(lookup->resolution, REASON_NOT_A_NAME, "\"", lookup->name.text, "\" is too long a name for /dnsaddr");
    on_done(lookup, MINKE_DNS_FAILED_NOT);
}

static void answer_localhost(lookup_t *lookup)
{
    static const uint8_t ip6[16] = {[15] = 1}, ip4[4] = {127, 0, 0, 1};
    if (lookup->name.code != MINKE_MULTIADDR_DNS4) on_found(lookup, ip6, sizeof ip6);
    if (lookup->name.code != MINKE_MULTIADDR_DNS6) on_found(lookup, ip4, sizeof ip4);
    on_done(lookup, MINKE_DNS_FAILED_NOT);
}

static void start(minke_dns_t *dns, lookup_t *lookup)
{
    const minke_multiaddr_code_t code = lookup->name.code;
    resolution_t *r = lookup->resolution;
    lookup->asked = true;
    lookup->open_n = code == MINKE_MULTIADDR_DNS ? 2 : 1;
    if (code != MINKE_MULTIADDR_DNSADDR && minke__dns_name_is_localhost(lookup->name.text)) {
        lookup->open_n = 1;
        answer_localhost(lookup);
    } else if (r->questions_n + lookup->open_n > MINKE_DNS_QUESTIONS_MAX ||
               dns->channel.questions_n + lookup->open_n > QUESTIONS_AT_ONCE_MAX) {
        blame(r, REASON_LIMIT, "too many names are to be looked up, among them ", lookup->name.text, "");
        lookup->open_n = 1;
        lookup->has_failed = true;
        on_done(lookup, MINKE_DNS_FAILED_NOT);
    } else if (code == MINKE_MULTIADDR_DNSADDR) {
        ask_for_records(dns, lookup);
    } else {
        if (code != MINKE_MULTIADDR_DNS4) ask(dns, lookup, MINKE_DNS_ASK_IP6, lookup->name.text);
        if (code != MINKE_MULTIADDR_DNS6) ask(dns, lookup, MINKE_DNS_ASK_IP4, lookup->name.text);
    }
}

/* New ones go to the end of the list, also those that an answer at once brings. */
static void start_all(minke_dns_t *dns, resolution_t *r)
{
    for (minke_list_t *node = r->lookups.next; node != &r->lookups; node = node->next) {
        lookup_t *lookup = MINKE_CONTAINER(node, lookup_t, in_resolution);
        if (!lookup->asked) start(dns, lookup);
    }
}

/* ---- the end of a resolution ---- */

/* c-ares cannot take a question back: who has one open is left to on_done. */
static void drop_lookups(minke_dns_t *dns, resolution_t *r)
{
    for (minke_list_t *node; (node = minke__list_pop(&r->lookups)) != NULL;) {
        lookup_t *lookup = MINKE_CONTAINER(node, lookup_t, in_resolution);
        lookup->resolution = NULL;
        if (lookup->open_n == 0) minke__free(dns->env, lookup);
    }
    r->open_n = 0;
}

static void drop(minke_dns_t *dns, resolution_t *r)
{
    drop_lookups(dns, r);
    minke__list_remove(&r->in_dns);
    minke__free(dns->env, r);
    dns->resolutions_n--;
}

static void finish(minke_dns_t *dns, resolution_t *r)
{
    if (r->open_n > 0) blame(r, REASON_SILENCE, "no DNS server answered within 10 s: is there a network?", "", "");
    drop_lookups(dns, r);
    minke__list_remove(&r->in_dns);
    minke__list_append(&dns->answered, &r->in_dns);
}

static void close_if_idle(minke_dns_t *dns)
{
    if (minke__list_empty(&dns->waiting)) minke__dns_channel_close(&dns->channel);
}

static void advance_all(minke_dns_t *dns)
{
    for (minke_list_t *node = dns->waiting.next, *next; node != &dns->waiting; node = next) {
        resolution_t *r = MINKE_CONTAINER(node, resolution_t, in_dns);
        next = node->next;
        start_all(dns, r);
        if (r->open_n == 0 || dns->now >= r->give_up_at || dns->now >= r->more_at) finish(dns, r);
    }
    close_if_idle(dns);
}

/* ---- what the caller does ---- */

int minke__dns_new(const minke_env_t *env, const char *servers, minke_dns_t **out)
{
    minke_dns_t *dns = minke__alloc_zero(env, sizeof *dns);
    if (dns == NULL) return MINKE_ERROR_NO_MEMORY;
    const int result = minke__dns_channel_init(&dns->channel, env, servers, (minke_dns_hearer_t){on_found, on_done});
    if (result < 0) {
        minke__free(env, dns);
        return result;
    }
    dns->env = env;
    minke__list_init(&dns->waiting);
    minke__list_init(&dns->answered);
    *out = dns;
    return MINKE_OK;
}

static void drop_list(minke_dns_t *dns, minke_list_t *list)
{
    while (!minke__list_empty(list)) drop(dns, MINKE_CONTAINER(list->next, resolution_t, in_dns));
}

void minke__dns_free(minke_dns_t *dns)
{
    if (dns == NULL) return;
    drop_list(dns, &dns->waiting);
    drop_list(dns, &dns->answered);
    minke__dns_channel_free(&dns->channel);
    minke__free(dns->env, dns);
}

int minke__dns_resolve(minke_dns_t *dns, uint64_t user, const minke_multiaddr_t *address, minke_time_t now)
{
    if (!minke__dns_is_needed(address)) return MINKE_ERROR_ADDRESS;
    if (dns->resolutions_n == MINKE_DNS_RESOLUTIONS_MAX) return MINKE_ERROR_LIMIT;
    resolution_t *r = minke__alloc_zero(dns->env, sizeof *r);
    if (r == NULL) return MINKE_ERROR_NO_MEMORY;
    dns->resolutions_n++;
    dns->now = now;
    r->user = user;
    r->give_up_at = now + give_up_after;
    r->more_at = MINKE_TIME_NEVER;
    minke__list_init(&r->lookups);
    minke__list_init(&r->in_dns);
    minke__list_append(&dns->waiting, &r->in_dns);
    add_name(dns, r, address, 0);
    advance_all(dns);
    return MINKE_OK;
}

static void cancel_in(minke_dns_t *dns, minke_list_t *list, uint64_t user)
{
    for (minke_list_t *node = list->next, *next; node != list; node = next) {
        resolution_t *r = MINKE_CONTAINER(node, resolution_t, in_dns);
        next = node->next;
        if (r->user == user) drop(dns, r);
    }
}

void minke__dns_cancel(minke_dns_t *dns, uint64_t user)
{
    cancel_in(dns, &dns->waiting, user);
    cancel_in(dns, &dns->answered, user);
    close_if_idle(dns);
}

bool minke__dns_next(minke_dns_t *dns, minke_dns_answer_t *answer)
{
    if (minke__list_empty(&dns->answered)) return false;
    resolution_t *r = MINKE_CONTAINER(dns->answered.next, resolution_t, in_dns);
    answer->user = r->user;
    answer->addresses_n = 0;
    for (size_t i = 0; i < MINKE_DNS_ADDRESSES_MAX; i++) {
        for (int family = 0; family < FAMILIES_N && answer->addresses_n < MINKE_DNS_ADDRESSES_MAX; family++) {
            if (i >= r->found[family].n) continue;
            memcpy(answer->names[answer->addresses_n], r->found[family].names[i], sizeof answer->names[0]);
            answer->addresses[answer->addresses_n++] = r->found[family].addresses[i];
        }
    }
    memcpy(answer->error, r->error, sizeof r->error);
    if (answer->addresses_n > 0) answer->error[0] = 0;
    drop(dns, r);
    return true;
}

int minke__dns_fd(const minke_dns_t *dns) { return dns->channel.epoll; }

void minke__dns_process(minke_dns_t *dns, minke_time_t now)
{
    dns->now = now;
    minke__dns_channel_process(&dns->channel);
    advance_all(dns);
}

minke_time_t minke__dns_deadline(const minke_dns_t *dns, minke_time_t now)
{
    if (!minke__list_empty(&dns->answered)) return now;
    const minke_time_t wait = minke__dns_channel_wait(&dns->channel);
    minke_time_t at = wait < MINKE_TIME_NEVER - now ? now + wait : MINKE_TIME_NEVER;
    for (const minke_list_t *node = dns->waiting.next; node != &dns->waiting; node = node->next) {
        const resolution_t *r = MINKE_CONTAINER(node, resolution_t, in_dns);
        if (r->give_up_at < at) at = r->give_up_at;
        if (r->more_at < at) at = r->more_at;
    }
    return at;
}
