/* What can be seen of a running command: captures (--pcap), trace (--trace, -v), figures (--stats, SIGUSR1). */
#ifndef MINKE_CLI_OBSERVE_H
#define MINKE_CLI_OBSERVE_H

#include <getopt.h>

#include "cli.h"

/* Long options without a letter; `c` of getopt_long. */
enum { CLI_OPTION_PCAP = 0x100, CLI_OPTION_TRACE };
#define CLI_OBSERVE_OPTIONS                                                                                            \
    {"pcap", required_argument, NULL, CLI_OPTION_PCAP}, { "trace", required_argument, NULL, CLI_OPTION_TRACE }

/* False: not one of them. */
bool cli_observe_option(int c, const char *value);
/* Opens the files that were asked for, and sets trace and tap in the options. False after complaining. */
bool cli_observe(minke_transport_options_t *options);
/* Once the host is gone. */
void cli_observe_end(void);

/* pcap.c: a tap that writes to a file. False after complaining. */
bool cli_pcap_open(const char *path, minke_tap_t *tap);
void cli_pcap_close(void);

/* trace.c: JSON lines, and narration. False after complaining. */
bool cli_trace_open(const char *path);
void cli_trace_close(void);
/* `minke --trace-events` */
void cli_print_trace_events(void);

/* stats.c: one line about the process, with `each` one for every connection too. */
void cli_stats(const minke_host_t *host, bool each);
/* The figures of one connection that is about to end, from -v on. */
void cli_stats_at_end(const minke_host_t *host, minke_connection_t connection);
/* SIGUSR1 has come since the last call. */
bool cli_stats_asked(void);
/* `minke --counters` */
void cli_print_counters(void);
/* "192.0.2.1:9090", "[2001:db8:0:0:0:0:0:1]:9090"; 64 bytes are enough. */
void cli_print_ip(const minke_address_t *address, char *out, size_t capacity);
/* "direct", "tcp", ... */
const char *cli_path_name(minke_path_kind_t kind);

#endif
