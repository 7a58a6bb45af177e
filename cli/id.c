#include <getopt.h>
#include <stdio.h>

#include "dialing.h"

static const char help[] = "usage: minke id [options] ADDR...\n"
                           "\n"
                           "Asks a peer who it is (identify) and prints what it says.\n"
                           "\n";

enum { ANSWER_MS = 10000 };

static json_t *list(const char *title, const char *const *items, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        if (!cli_output.json) (void)printf("%-10s %s\n", i == 0 ? title : "", items[i]);
        (void)json_array_append_new(array, json_string(items[i]));
    }
    return array;
}

static int print(const cli_dialing_t *dialing)
{
    minke_identify_info_t info;
    const int error = minke_identify_get(dialing->host, dialing->connection, &info);
    if (error < 0) return cli_result(EXIT_REMOTE, "host", minke_error_text(error), NULL);
    if (!cli_output.json) {
        (void)printf("peer       %s\nagent      %s\nversion    %s\nobserved   %s\n", dialing->peer, info.agent,
                     info.protocol_version, info.observed);
    }
    json_t *protocols = list("protocols", info.protocols, info.protocols_n);
    json_t *addresses = list("addresses", info.addresses, info.addresses_n);
    return cli_result(EXIT_DONE, NULL, NULL,
                      json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "peer", dialing->peer, "agent", info.agent,
                                "protocol_version", info.protocol_version, "observed", info.observed, "protocols",
                                protocols, "addresses", addresses));
}

static int run(cli_dialing_t *dialing)
{
    minke_event_t event;
    int code = cli_dialing_connect(dialing);
    if (code >= 0) return code;
    const double until = cli_now_ms() + ANSWER_MS;
    for (double left; (left = until - cli_now_ms()) > 0;) {
        if (!cli_dialing_event(dialing, &event, (int)left + 1, &code)) {
            if (code >= 0) return code;
            continue;
        }
        if (event.type == MINKE_EVENT_IDENTIFIED && event.connection == dialing->connection) return print(dialing);
    }
    return cli_result(EXIT_REMOTE, "host", "connected, but identify was not answered within 10 s", NULL);
}

int cli_id(int argc, char **argv)
{
    static const struct option known[] = {CLI_DIALING_OPTIONS, {NULL, 0, NULL, 0}};
    cli_dialing_t dialing = {0};
    bool valid;
    for (int c; (c = getopt_long(argc, argv, "vh", known, NULL)) != -1;) {
        if (c == 'h') {
            (void)printf("%s%s", help, cli_dialing_help);
            return EXIT_DONE;
        }
        if (!cli_dialing_option(&dialing, c, optarg, &valid) || !valid) return EXIT_USAGE;
    }
    if (!cli_dialing_addrs(&dialing, argv + optind, argc - optind)) {
        (void)fprintf(stderr, "%s%s", help, cli_dialing_help);
        return EXIT_USAGE;
    }
    const int code = run(&dialing);
    cli_dialing_free(&dialing);
    return code;
}
