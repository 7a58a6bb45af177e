#include <getopt.h>
#include <stdio.h>

#include "serving.h"

static const char help[] =
    "usage: minke listen [options]\n"
    "\n"
    "Listens for browsers and other libp2p peers over WebRTC, TCP and WebSockets, and serves ping, identify, perf and\n"
    "echo. Prints every address as soon as it can be dialled, and every peer that comes and goes. Ends on SIGINT or\n"
    "SIGTERM.\n"
    "\n"
    "  --listen ADDR     a multiaddr such as /ip4/0.0.0.0/udp/9090/webrtc-direct, /ip4/0.0.0.0/tcp/9090 or\n"
    "                    /ip4/0.0.0.0/tcp/9091/ws; port 0 takes any; may be repeated\n"
    "                    (default: webrtc-direct on any port on all IPv4 and all IPv6 addresses)\n"
    "  --relay ADDR      be reachable over this relay, too: reserves there, and again when need be; may be repeated\n";

int cli_listen(int argc, char **argv)
{
    static const char *const defaults[] = {"/ip4/0.0.0.0/udp/0/webrtc-direct", "/ip6/::/udp/0/webrtc-direct"};
    static const struct option known[] = {
        CLI_SERVING_OPTIONS, {"relay", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    minke_host_options_t options;
    minke_host_defaults(&options);
    cli_serving_t serving = {.command = "listen", .serve_perf = true, .relay = options.relay};
    for (int c; (c = getopt_long(argc, argv, "vh", known, NULL)) != -1;) {
        if (c == 'h') {
            (void)printf("%s%s", help, cli_serving_help);
            return EXIT_DONE;
        }
        if (!cli_serving_option(&serving, c, optarg)) return EXIT_USAGE;
    }
    if (optind < argc) return cli_serving_usage(&serving, "unexpected argument", argv[optind]);
    return cli_serving_run(&serving, defaults, 2);
}
