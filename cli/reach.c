#include "reach.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const char *ca_file, *dns_servers;
static minke_address_t stun_servers[MINKE_STUN_SERVERS_MAX];
static size_t stun_servers_n;
static minke_udp_batching_t udp_batching;
static minke_congestion_control_t congestion = MINKE_CONGESTION_CUBIC;
static long mtu_max;

/* 192.0.2.1:3478, [2001:db8::1]:3478 */
static bool read_address(const char *text, minke_address_t *out)
{
    char ip[INET6_ADDRSTRLEN + 2];
    const char *colon = strrchr(text, ':');
    const size_t len = colon != NULL ? (size_t)(colon - text) : sizeof ip;
    if (len == 0 || len >= sizeof ip) return false;
    const bool brackets = text[0] == '[' && text[len - 1] == ']' && len > 2;
    memcpy(ip, text + (brackets ? 1 : 0), len);
    ip[brackets ? len - 2 : len] = 0;
    char *end;
    const unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != 0 || port == 0 || port > UINT16_MAX) return false;
    *out = (minke_address_t){.family = brackets ? MINKE_FAMILY_IP6 : MINKE_FAMILY_IP4, .port = (uint16_t)port};
    return inet_pton(brackets ? AF_INET6 : AF_INET, ip, out->ip) == 1;
}

static bool add_stun_server(const char *text)
{
    if (stun_servers_n == MINKE_STUN_SERVERS_MAX || !read_address(text, &stun_servers[stun_servers_n])) {
        cli_complain(
            "--stun takes an address and a port, as in 192.0.2.1:3478 or [2001:db8::1]:3478, %d times at most, "
            "not '%s'",
            MINKE_STUN_SERVERS_MAX, text);
        return false;
    }
    stun_servers_n++;
    return true;
}

/* The index of `text` among `names`, or -1 after a complaint. */
static int choose(const char *option, const char *text, const char *const names[3])
{
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) return i;
    }
    cli_complain("%s takes %s, %s or %s, not '%s'", option, names[0], names[1], names[2], text);
    return -1;
}

static bool choose_batching(const char *text)
{
    static const char *const names[] = {
        [MINKE_UDP_AUTOMATIC] = "auto", [MINKE_UDP_MMSG] = "mmsg", [MINKE_UDP_SINGLE] = "single"};
    const int chosen = choose("--udp", text, names);
    if (chosen >= 0) udp_batching = (minke_udp_batching_t)chosen;
    return chosen >= 0;
}

static bool choose_congestion(const char *text)
{
    static const char *const names[] = {
        [MINKE_CONGESTION_CUBIC] = "cubic", [MINKE_CONGESTION_NEW_RENO] = "newreno", [MINKE_CONGESTION_BBR] = "bbr"};
    const int chosen = choose("--congestion", text, names);
    if (chosen >= 0) congestion = (minke_congestion_control_t)chosen;
    return chosen >= 0;
}

bool cli_reach_option(int c, const char *value)
{
    if (c == CLI_OPTION_CA) ca_file = value;
    else if (c == CLI_OPTION_DNS) dns_servers = value;
    else if (c == CLI_OPTION_STUN) return add_stun_server(value);
    else if (c == CLI_OPTION_UDP) return choose_batching(value);
    else if (c == CLI_OPTION_CONGESTION) return choose_congestion(value);
    else if (c == CLI_OPTION_MTU) return cli_number("--mtu", value, 1280, 65535, &mtu_max);
    else return false;
    return true;
}

void cli_reach(minke_host_options_t *options)
{
    options->ca_file = ca_file;
    options->dns_servers = dns_servers;
    options->stun_servers = stun_servers;
    options->stun_servers_n = stun_servers_n;
    options->udp_batching = udp_batching;
    options->transport.congestion = congestion;
    if (mtu_max != 0) options->transport.mtu_max = (uint32_t)mtu_max;
}
