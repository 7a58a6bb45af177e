/* The loop of `minke listen`: events in, lines and echoed bytes out. */
#ifndef MINKE_CLI_SERVE_H
#define MINKE_CLI_SERVE_H

#include "cli.h"

/* Runs until a signal, or until none of the `listeners` works. `optional`: some of them may fail (IPv6 on a machine
 * without it). `stats_s`: print figures this often; 0: only on SIGUSR1. Returns the exit code. */
int cli_serve(minke_host_t *host, int listeners, bool optional, bool test_protocols, long stats_s);

/* echo.c */
void cli_echo(minke_host_t *host, minke_stream_t stream);

/* test_protocols.c: streams that end in unusual ways, for the interop tests */
int cli_test_protocols_handle(minke_host_t *host);
bool cli_test_protocols_opened(minke_host_t *host, const minke_event_t *event);
/* False: not one of theirs. */
bool cli_test_protocols_run(minke_host_t *host, const minke_event_t *event);

#endif
