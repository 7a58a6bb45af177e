#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <string.h>

#include "observe.h"

static volatile sig_atomic_t stopped, stats_asked;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void ask_for_stats(int signal_number)
{
    (void)signal_number;
    stats_asked = 1;
}

void cli_catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = stop;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    action.sa_handler = ask_for_stats;
    (void)sigaction(SIGUSR1, &action, NULL);
    action.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigaction(SIGXFSZ, &action, NULL); /* a capture or trace that reaches the limit is an error of write */
}

bool cli_stopped(void) { return stopped != 0; }

bool cli_stats_asked(void)
{
    const bool asked = stats_asked != 0;
    stats_asked = 0;
    return asked;
}
