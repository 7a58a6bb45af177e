#include <getopt.h>
#include <limits.h>
#include <stdio.h>

#include "serving.h"

static const char help[] =
    "usage: minke relay [options]\n"
    "\n"
    "A circuit relay (version 2) for peers that nobody can dial: browsers and programs behind NATs reserve here, and "
    "are\n"
    "called over it. Also a listener like minke listen, but without perf, and a STUN server on its UDP port. Everybody "
    "may\n"
    "use it, within these limits. Ends on SIGINT or SIGTERM.\n"
    "\n"
    "  --listen ADDR     a multiaddr such as /ip4/0.0.0.0/udp/4001/webrtc-direct, /ip4/0.0.0.0/tcp/4001 or\n"
    "                    /ip4/0.0.0.0/tcp/4002/ws; may be repeated (default: these three, and the same for IPv6)\n"
    "  --max-reservations N\n"
    "                    in all (default 1024)\n"
    "  --max-reservations-per-address N\n"
    "                    of these, from one IPv4 address or IPv6 /64; 0: no limit (default 16)\n"
    "  --reservation-ttl SECONDS\n"
    "                    how long a reservation lives unless it is refreshed (default 3600)\n"
    "  --max-circuits N  open at once, in all (default 1024)\n"
    "  --max-circuits-per-peer N\n"
    "                    of these, with one peer; 0: no limit (default 16)\n"
    "  --circuit-seconds SECONDS\n"
    "                    how long a circuit lives; 0: no limit (default 120)\n"
    "  --circuit-bytes BYTES\n"
    "                    what it carries in each direction; K, M and G are powers of 1024; 0: no limit (default 128K)\n"
    "  --metrics HOST:PORT\n"
    "                    figures for Prometheus at /metrics, a status page at /; whoever reaches it can read it, so "
    "give\n"
    "                    it an address like 127.0.0.1:9464\n"
    "  --no-stun         do not answer STUN requests\n"
    "  --stun-rate N     answer at most so many a second (default 1000)\n";

enum {
    MAX_RESERVATIONS = 0x300,
    MAX_PER_ADDRESS,
    TTL,
    MAX_CIRCUITS,
    MAX_PER_PEER,
    CIRCUIT_SECONDS,
    CIRCUIT_BYTES,
    NO_STUN,
    STUN_RATE,
    METRICS
};

static bool to_u32(const char *option, const char *value, long low, uint32_t *out)
{
    long number;
    if (!cli_number(option, value, low, 1000000, &number)) return false;
    *out = (uint32_t)number;
    return true;
}

static bool to_time(const char *option, const char *value, long low, minke_time_t *out)
{
    enum { LONGEST_S = 30 * 86400 };
    long number;
    if (!cli_number(option, value, low, LONGEST_S, &number)) return false;
    *out = (minke_time_t)number * 1000000;
    return true;
}

static bool option(cli_serving_t *serving, int c, const char *value)
{
    minke_relay_options_t *relay = &serving->relay;
    switch (c) {
    case MAX_RESERVATIONS: return to_u32("--max-reservations", value, 0, &relay->reservations_max);
    case MAX_PER_ADDRESS:
        return to_u32("--max-reservations-per-address", value, 0, &relay->reservations_per_address_max);
    case TTL: return to_time("--reservation-ttl", value, 1, &relay->reservation_after);
    case MAX_CIRCUITS: return to_u32("--max-circuits", value, 0, &relay->circuits_max);
    case MAX_PER_PEER: return to_u32("--max-circuits-per-peer", value, 0, &relay->circuits_per_peer_max);
    case CIRCUIT_SECONDS: return to_time("--circuit-seconds", value, 0, &relay->circuit_after);
    case CIRCUIT_BYTES: return cli_bytes("--circuit-bytes", value, &relay->circuit_bytes);
    case NO_STUN: serving->serve_stun = false; return true;
    case METRICS: serving->metrics = value; return true;
    case STUN_RATE: return cli_number("--stun-rate", value, 1, 1000000, &serving->stun_per_second);
    default: return cli_serving_option(serving, c, value);
    }
}

int cli_relay(int argc, char **argv)
{
    static const char *const defaults[] = {
        "/ip4/0.0.0.0/udp/4001/webrtc-direct", "/ip4/0.0.0.0/tcp/4001", "/ip4/0.0.0.0/tcp/4002/ws",
        "/ip6/::/udp/4001/webrtc-direct",      "/ip6/::/tcp/4001",      "/ip6/::/tcp/4002/ws"};
    static const struct option known[] = {CLI_SERVING_OPTIONS,
                                          {"max-reservations", required_argument, NULL, MAX_RESERVATIONS},
                                          {"max-reservations-per-address", required_argument, NULL, MAX_PER_ADDRESS},
                                          {"reservation-ttl", required_argument, NULL, TTL},
                                          {"max-circuits", required_argument, NULL, MAX_CIRCUITS},
                                          {"max-circuits-per-peer", required_argument, NULL, MAX_PER_PEER},
                                          {"circuit-seconds", required_argument, NULL, CIRCUIT_SECONDS},
                                          {"circuit-bytes", required_argument, NULL, CIRCUIT_BYTES},
                                          {"no-stun", no_argument, NULL, NO_STUN},
                                          {"metrics", required_argument, NULL, METRICS},
                                          {"stun-rate", required_argument, NULL, STUN_RATE},
                                          {NULL, 0, NULL, 0}};
    minke_host_options_t options;
    minke_host_defaults(&options);
    cli_serving_t serving = {.command = "relay", .relay = options.relay, .serve_stun = true};
    serving.relay.serve = true;
    for (int c; (c = getopt_long(argc, argv, "vh", known, NULL)) != -1;) {
        if (c == 'h') {
            (void)printf("%s%s", help, cli_serving_help);
            return EXIT_DONE;
        }
        if (!option(&serving, c, optarg)) return EXIT_USAGE;
    }
    if (optind < argc) return cli_serving_usage(&serving, "unexpected argument", argv[optind]);
    return cli_serving_run(&serving, defaults, 6);
}
