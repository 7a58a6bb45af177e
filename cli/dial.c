#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "dialing.h"

static const char help[] = "usage: minke dial [options] ADDR...\n"
                           "\n"
                           "Connects to a peer, tells each step of the set-up, and disconnects.\n"
                           "\n"
                           "  --hold                 stay connected until the remote ends it, or SIGINT\n";

static json_t *describe(const cli_dialing_t *dialing)
{
    minke_connection_stats_t stats = {.kind = MINKE_PATH_UNKNOWN};
    char remote[64] = "";
    if (minke_stats(dialing->host, dialing->connection, &stats) == MINKE_OK) {
        cli_print_ip(&stats.path.remote, remote, sizeof remote);
    }
    const char *path = cli_path_name(stats.kind);
    if (!cli_output.json) {
        char how[32];
        if (stats.kind == MINKE_PATH_DIRECT) (void)snprintf(how, sizeof how, "version %d", stats.version);
        else (void)snprintf(how, sizeof how, "%s%s", path, stats.limited ? ", limited" : "");
        (void)printf("connected to %s%s%s, %s, in %.1f ms\n", dialing->peer, remote[0] != 0 ? " at " : "", remote, how,
                     dialing->setup_ms);
        (void)fflush(stdout);
    }
    json_t *fields = json_pack("{s:s, s:f, s:s, s:s, s:b}", "peer", dialing->peer, "setup_ms", dialing->setup_ms,
                               "path", path, "remote", remote, "limited", stats.limited);
    if (stats.kind == MINKE_PATH_DIRECT) {
        (void)json_object_set_new(fields, "direct_version", json_integer(stats.version));
    }
    return fields;
}

static int hold(cli_dialing_t *dialing)
{
    minke_event_t event;
    int code = -1;
    while (cli_dialing_event(dialing, &event, -1, &code)) continue;
    return code;
}

int cli_dial(int argc, char **argv)
{
    static const struct option known[] = {CLI_DIALING_OPTIONS, {"hold", no_argument, NULL, 'H'}, {NULL, 0, NULL, 0}};
    cli_dialing_t dialing = {0};
    bool keep = false, valid;
    for (int c; (c = getopt_long(argc, argv, "vh", known, NULL)) != -1;) {
        if (c == 'h') {
            (void)printf("%s%s", help, cli_dialing_help);
            return EXIT_DONE;
        }
        if (c == 'H') keep = true;
        else if (!cli_dialing_option(&dialing, c, optarg, &valid) || !valid) return EXIT_USAGE;
    }
    if (!cli_dialing_addrs(&dialing, argv + optind, argc - optind)) {
        (void)fprintf(stderr, "%s%s", help, cli_dialing_help);
        return EXIT_USAGE;
    }
    int code = cli_dialing_connect(&dialing);
    if (code < 0) {
        json_t *fields = describe(&dialing);
        if (keep) {
            json_decref(fields);
            code = hold(&dialing);
        } else {
            cli_stats_at_end(dialing.host, dialing.connection);
            code = cli_result(EXIT_DONE, NULL, NULL, fields);
        }
    }
    cli_dialing_free(&dialing);
    return code;
}
