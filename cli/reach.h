/* How others are found and believed by whoever dials them, --ca, --dns and --stun, and how datagrams go to them:
 * --congestion, --mtu and --udp. */
#ifndef MINKE_CLI_REACH_H
#define MINKE_CLI_REACH_H

#include <getopt.h>

#include "cli.h"

/* Long options without a letter, behind those of observe.h. */
enum { CLI_OPTION_CA = 0x200, CLI_OPTION_DNS, CLI_OPTION_STUN, CLI_OPTION_CONGESTION, CLI_OPTION_MTU, CLI_OPTION_UDP };
#define CLI_REACH_OPTIONS                                                                                              \
    {"ca", required_argument, NULL, CLI_OPTION_CA}, {"dns", required_argument, NULL, CLI_OPTION_DNS},                  \
        {"stun", required_argument, NULL, CLI_OPTION_STUN},                                                            \
        {"congestion", required_argument, NULL, CLI_OPTION_CONGESTION},                                                \
        {"mtu", required_argument, NULL, CLI_OPTION_MTU},                                                              \
    {                                                                                                                  \
        "udp", required_argument, NULL, CLI_OPTION_UDP                                                                 \
    }
/* Their lines of --help. */
#define CLI_REACH_HELP                                                                                                 \
    "  --ca FILE              PEM file of authorities to trust for wss, besides the system's\n"                        \
    "  --dns SERVERS          whom to ask for names, as in 127.0.0.1:5353,[::1]:53 (default: the system's)\n"          \
    "  --stun ADDRESS:PORT    whom to ask for our address as others see it, for /p2p-circuit/webrtc; may be "          \
    "repeated\n"                                                                                                       \
    "  --congestion NAME      what decides how fast we send over WebRTC: cubic (the default), newreno, or bbr, for\n"  \
    "                         paths that lose packets without being full\n"                                            \
    "  --mtu BYTES            the largest packets to try, with their IP headers (default 1500; 1280: try none)\n"      \
    "  --udp WAY              how many datagrams go in a call: auto (whole trains where the system can), mmsg, "       \
    "single\n"

/* False: not one of them. */
bool cli_reach_option(int c, const char *value);
/* Sets what was asked for in the options. */
void cli_reach(minke_host_options_t *options);

#endif
