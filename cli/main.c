#include <stdio.h>
#include <string.h>

#include "observe.h"

typedef struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} command_t;

static const command_t commands[] = {{"listen", cli_listen, "listen for browsers and other peers"},
                                     {"relay", cli_relay, "be a relay for peers behind NATs"},
                                     {"dial", cli_dial, "connect to a peer and tell each step"},
                                     {"ping", cli_ping, "measure round trips to a peer"},
                                     {"id", cli_id, "ask a peer who it is"},
                                     {"perf", cli_perf, "measure throughput to a peer"},
                                     {"cat", cli_cat, "copy stdin and stdout over a stream"},
                                     {"key", cli_key, "make and show identity keys"}};

static void print_help(FILE *out)
{
    (void)fputs("usage: minke COMMAND [options]\n\nlibp2p over WebRTC: programs and browsers, without a domain or a "
                "certificate authority.\n\n",
                out);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        (void)fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fputs("\n  --version  print the version\n  --help     this text; minke COMMAND --help tells more\n"
                "  --trace-events, --counters  explain what --trace and --stats write\n\n"
                "Exit codes: 0 done, 1 the remote or the network failed, 2 usage, 3 a local resource (port, file, "
                "memory).\n",
                out);
}

/* Known before the options are read: a wrong one must be told as JSON too. */
static bool wants_json(char **arguments)
{
    for (; *arguments != NULL && strcmp(*arguments, "--") != 0; arguments++) {
        if (strcmp(*arguments, "--json") == 0) return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("minke %s\n", minke_version());
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--trace-events") == 0) {
        cli_print_trace_events();
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--counters") == 0) {
        cli_print_counters();
        return EXIT_DONE;
    }
    cli_output.json = wants_json(argv + 2);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return cli_end(commands[i].run(argc - 1, argv + 1));
    }
    cli_complain("no such command: %s; see minke --help", argv[1]);
    return cli_end(EXIT_USAGE);
}
