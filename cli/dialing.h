/* What `dial`, `ping` and `id` share: options, a host, and the way to a connected peer with its steps told. */
#ifndef MINKE_CLI_DIALING_H
#define MINKE_CLI_DIALING_H

#include "observe.h"
#include "reach.h"

typedef struct cli_dialing {
    const char *const *addrs; /* of one peer */
    size_t addrs_n;
    int version;    /* 1, 2, or 0: version 1 at once, version 2 after 500 ms without any answer */
    int timeout_ms; /* for the whole set-up */
    const char *key;

    minke_host_t *host;
    minke_connection_t connection;
    bool connected;
    char peer[MINKE_PEER_BYTES];
    double setup_ms;
    minke_close_t failure;
} cli_dialing_t;

/* The options that all of these commands have; `c` is what getopt_long gave. False: not one of them. */
#define CLI_DIALING_OPTIONS                                                                                            \
    {"direct-version", required_argument, NULL, 'D'}, {"timeout", required_argument, NULL, 'T'},                       \
        {"key", required_argument, NULL, 'K'}, {"json", no_argument, NULL, 'J'}, CLI_REACH_OPTIONS,                    \
        CLI_OBSERVE_OPTIONS,                                                                                           \
    {                                                                                                                  \
        "help", no_argument, NULL, 'h'                                                                                 \
    }
bool cli_dialing_option(cli_dialing_t *dialing, int c, const char *value, bool *valid);
extern const char cli_dialing_help[];
/* The addresses that the command line names; they must outlive `dialing`. False: none, or after complaining, too many.
 */
bool cli_dialing_addrs(cli_dialing_t *dialing, char *const *addrs, int n);

/* Dials until connected, failed, timed out or stopped. Returns -1 to go on, else the exit code, with everything said.
 */
int cli_dialing_connect(cli_dialing_t *dialing);
/* The next event; false: the connection has ended, a signal came, or the time is over. `*code` is then the exit code,
 * with everything said, or -1 when it was the time. */
bool cli_dialing_event(cli_dialing_t *dialing, minke_event_t *event, int timeout_ms, int *code);
void cli_dialing_free(cli_dialing_t *dialing);

double cli_now_ms(void);

#endif
