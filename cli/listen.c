#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialing.h"
#include "serve.h"

static const char help[] =
    "usage: minke listen [options]\n"
    "\n"
    "Listens for browsers and other libp2p peers over WebRTC, and serves ping, identify, perf and echo. Prints every\n"
    "address as soon as it can be dialled, and every peer that comes and goes. Ends on SIGINT or SIGTERM.\n"
    "\n"
    "  --listen ADDR     a multiaddr such as /ip4/0.0.0.0/udp/9090/webrtc-direct; port 0 takes any; may be repeated\n"
    "                    (default: any port on all IPv4 and all IPv6 addresses)\n"
    "  --announce ADDR   print and tell peers this address instead of the interfaces' own; may be repeated\n"
    "  --max-connections N\n"
    "                    peers at once (default 4096)\n"
    "  --max-connections-per-address N\n"
    "                    of these, from one IPv4 address or IPv6 /64 (default 64)\n"
    "  --max-memory BYTES\n"
    "                    for all of them; K, M and G are powers of 1024 (default 1G; at least 4M)\n"
    "  --key FILE        the identity; made if it does not exist (default: a new one at every start)\n"
    "  --json            one JSON object per line\n"
    "  --stats SECONDS   print figures this often; SIGUSR1 asks once, and for each connection too\n"
    "  --pcap FILE       a capture for Wireshark, with the SCTP inside decrypted: the file holds all that is sent\n"
    "                    and received in the clear, and grows with it\n"
    "  --trace FILE      what happens, as JSON lines; minke --trace-events explains them\n"
    "  -v, -vv           narrate on stderr: changes of state; everything\n"
    "  -h, --help        this text\n";

enum { ADDRESSES_MAX = 8 };

typedef struct listen_options {
    const char *listen[ADDRESSES_MAX];
    int listen_n;
    const char *announce[ADDRESSES_MAX];
    int announce_n;
    const char *key;
    long stats_s;                                      /* 0: only when asked */
    long connections_max, connections_per_address_max; /* 0: the default */
    uint64_t memory_max;
    bool test_protocols; /* for the interop tests; not in the help */
} listen_options_t;

static int usage(const char *what, const char *value)
{
    cli_complain("%s%s%s; see minke listen --help", what, value != NULL ? ": " : "", value != NULL ? value : "");
    return EXIT_USAGE;
}

enum { CONNECTIONS_MOST = 1000000, MEMORY_LEAST = 4 << 20 };

/* False after complaining. */
static bool parse_limit(int c, const char *value, listen_options_t *o)
{
    if (c == 'c') return cli_number("--max-connections", value, 1, CONNECTIONS_MOST, &o->connections_max);
    if (c == 'C') {
        return cli_number("--max-connections-per-address", value, 1, CONNECTIONS_MOST, &o->connections_per_address_max);
    }
    if (!cli_bytes("--max-memory", value, &o->memory_max)) return false;
    if (o->memory_max >= MEMORY_LEAST && o->memory_max <= SIZE_MAX) return true;
    cli_complain("--max-memory wants at least 4M, not: %s", value);
    return false;
}

/* Returns -1 to go on, else the exit code. */
static int parse(int argc, char **argv, listen_options_t *options)
{
    static const struct option known[] = {{"listen", required_argument, NULL, 'l'},
                                          {"announce", required_argument, NULL, 'a'},
                                          {"key", required_argument, NULL, 'k'},
                                          {"max-connections", required_argument, NULL, 'c'},
                                          {"max-connections-per-address", required_argument, NULL, 'C'},
                                          {"max-memory", required_argument, NULL, 'm'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"stats", required_argument, NULL, 's'},
                                          CLI_OBSERVE_OPTIONS,
                                          {"test-protocols", no_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "vh", known, NULL)) != -1;) {
        switch (c) {
        case 'l':
            if (options->listen_n == ADDRESSES_MAX) return usage("too many --listen", NULL);
            options->listen[options->listen_n++] = optarg;
            break;
        case 'a':
            if (options->announce_n == ADDRESSES_MAX) return usage("too many --announce", NULL);
            options->announce[options->announce_n++] = optarg;
            break;
        case 'k': options->key = optarg; break;
        case 'j': cli_output.json = true; break;
        case 'c':
        case 'C':
        case 'm':
            if (!parse_limit(c, optarg, options)) return EXIT_USAGE;
            break;
        case 't': options->test_protocols = true; break;
        case 'v': cli_output.verbose++; break;
        case 'h': (void)fputs(help, stdout); return EXIT_DONE;
        case 's':
            if (!cli_number("--stats", optarg, 1, 86400, &options->stats_s)) return EXIT_USAGE;
            break;
        default:
            if (!cli_observe_option(c, optarg)) return EXIT_USAGE; /* getopt has complained */
        }
    }
    if (optind < argc) return usage("unexpected argument", argv[optind]);
    return -1;
}

static void apply_limits(const listen_options_t *options, minke_transport_options_t *transport)
{
    if (options->connections_max != 0) transport->connections_max = (uint32_t)options->connections_max;
    if (options->connections_per_address_max != 0) {
        transport->connections_per_address_max = (uint32_t)options->connections_per_address_max;
    }
    if (options->memory_max == 0) return;
    transport->memory_max = (size_t)options->memory_max;
    if (transport->connection_memory_max > transport->memory_max) {
        transport->connection_memory_max = transport->memory_max;
    }
}

static minke_host_t *make_host(const listen_options_t *options)
{
    unsigned char key[CLI_KEY_MAX];
    minke_host_options_t host_options;
    minke_host_defaults(&host_options);
    host_options.serve_perf = true;
    if (!cli_observe(&host_options.transport)) return NULL;
    apply_limits(options, &host_options.transport);
    if (options->key != NULL) {
        const long len = cli_load_or_make_key(options->key, key);
        if (len < 0) return NULL;
        host_options.transport.private_key = key;
        host_options.transport.private_key_len = (size_t)len;
    }
    minke_host_t *host = minke_host_new(&host_options);
    if (host == NULL) cli_complain("cannot start a host: the key cannot be used, or memory or descriptors are short");
    return host;
}

/* Returns -1, or the exit code after complaining. */
static int start_listening(minke_host_t *host, listen_options_t *options)
{
    if (options->listen_n == 0) {
        options->listen[options->listen_n++] = "/ip4/0.0.0.0/udp/0/webrtc-direct";
        options->listen[options->listen_n++] = "/ip6/::/udp/0/webrtc-direct";
    }
    for (int i = 0; i < options->announce_n; i++) {
        if (minke_announce(host, options->announce[i]) < 0) {
            return usage("--announce wants an address like /ip4/203.0.113.7/udp/9090/webrtc-direct, not",
                         options->announce[i]);
        }
    }
    for (int i = 0; i < options->listen_n; i++) {
        if (minke_listen(host, options->listen[i]) < 0) {
            return usage("--listen wants an address like /ip4/0.0.0.0/udp/9090/webrtc-direct, not", options->listen[i]);
        }
    }
    return -1;
}

int cli_listen(int argc, char **argv)
{
    listen_options_t options = {0};
    const int parsed = parse(argc, argv, &options);
    if (parsed >= 0) return parsed;
    cli_catch_signals();
    minke_host_t *host = make_host(&options);
    if (host == NULL) return cli_result(EXIT_LOCAL, "host", "could not start", NULL);
    const bool defaults = options.listen_n == 0;
    int code = start_listening(host, &options);
    if (code < 0) code = cli_serve(host, options.listen_n, defaults, options.test_protocols, options.stats_s);
    minke_host_free(host);
    cli_observe_end();
    return code;
}
