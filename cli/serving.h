/* What `listen` and `relay` share: options, a host, its addresses, and the loop. */
#ifndef MINKE_CLI_SERVING_H
#define MINKE_CLI_SERVING_H

#include "observe.h"
#include "reach.h"

enum { CLI_ADDRESSES_MAX = 16 };

typedef struct cli_serving {
    const char *command; /* for complaints */
    const char *listen[CLI_ADDRESSES_MAX];
    int listen_n;
    const char *announce[8];
    int announce_n;
    const char *relays[8]; /* to reserve on */
    int relays_n;
    const char *key, *metrics;
    long stats_s;                                      /* 0: only when asked */
    long connections_max, connections_per_address_max; /* 0: the default */
    uint64_t memory_max;
    bool test_protocols; /* for the interop tests; not in the help */
    bool serve_perf;
    minke_relay_options_t relay;
    bool serve_stun;
    long stun_per_second; /* 0: the default */
} cli_serving_t;

#define CLI_SERVING_OPTIONS                                                                                            \
    {"listen", required_argument, NULL, 'l'}, {"announce", required_argument, NULL, 'a'},                              \
        {"key", required_argument, NULL, 'k'}, {"max-connections", required_argument, NULL, 'c'},                      \
        {"max-connections-per-address", required_argument, NULL, 'C'}, {"max-memory", required_argument, NULL, 'm'},   \
        {"json", no_argument, NULL, 'j'}, {"stats", required_argument, NULL, 's'}, CLI_OBSERVE_OPTIONS,                \
        CLI_REACH_OPTIONS, {"test-protocols", no_argument, NULL, 't'},                                                 \
    {                                                                                                                  \
        "help", no_argument, NULL, 'h'                                                                                 \
    }
/* `c` is what getopt_long gave. False: wrong, and said so, if only by getopt. */
bool cli_serving_option(cli_serving_t *serving, int c, const char *value);
extern const char cli_serving_help[];
int cli_serving_usage(const cli_serving_t *serving, const char *what, const char *value);

/* Without --listen: these. Runs to the end; returns the exit code. */
int cli_serving_run(cli_serving_t *serving, const char *const *defaults, int defaults_n);

#endif
