/*
 * A link of chosen rate, delay, queue and loss between two network namespaces, in one process: see `link --help` and
 * README.md.
 *
 *     namespaces and devices --> command at b --after a while--> command at a --ends--> both are gone --> report
 *                          \--> "ready", for others to enter --input ends, or a signal--> report
 *
 * What runs in the namespaces is in process groups of its own, and dies with this process.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "pump.h"
#include "report.h"
#include "site.h"

enum { NOT_RUN = 77, EXEC_FAILED = 127, BY_SIGNAL = 128 };

/* Niceness of what runs at the ends, where we may: a sender that waits for a processor looks like a slow network, and
 * no congestion control can tell them apart. */
enum { URGENCY = -10 };

static const uint64_t SECOND = 1000000000, MILLISECOND = 1000000;
static const uint64_t GRACE = 2 * 1000000000ull; /* between the polite signal and the other one */
static const char *const ADDRESSES[2] = {"10.55.0.1", "10.55.0.2"};

typedef struct running {
    site_t sites[2]; /* a, b */
    direction_t directions[2];
    pump_t pumps[2];
    pump_rest_t rest;
    int user_fd, signal_fd, watched_fd;
    pid_t at_a, at_b; /* 0: not running */
    int code;         /* of the command at a; -1: it has not ended */
    bool stopped;     /* by a signal, or as the input has ended */
    uint64_t begun_at, end_at;
} running_t;

static int not_run(const char *what)
{
    (void)fprintf(stderr, "link: not run: %s: %s\n", what, strerror(errno));
    return NOT_RUN;
}

/* ---- commands */

static pid_t begin_command(const site_t *site, char **command)
{
    const pid_t pid = fork();
    if (pid != 0) return pid;
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0);
    (void)setpriority(PRIO_PROCESS, 0, URGENCY);
    (void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0ul, 0ul, 0ul);
    if (setns(site->namespace_fd, CLONE_NEWNET) != 0) _exit(EXEC_FAILED);
    (void)execvp(command[0], command);
    (void)fprintf(stderr, "link: %s: %s\n", command[0], strerror(errno));
    _exit(EXEC_FAILED);
}

static void signal_command(pid_t pid, int number)
{
    if (pid > 0) (void)kill(-pid, number);
}

static void reap(running_t *r)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid == r->at_a) r->code = WIFEXITED(status) ? WEXITSTATUS(status) : BY_SIGNAL + WTERMSIG(status);
        if (pid == r->at_a) r->at_a = 0;
        if (pid == r->at_b) r->at_b = 0;
    }
}

/* ---- what ends a run */

/* One descriptor for the pump: signals, and the end of the input where nobody was given a command. */
static bool watch(running_t *r, bool input_too)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    r->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    r->watched_fd = epoll_create1(EPOLL_CLOEXEC);
    if (r->signal_fd < 0 || r->watched_fd < 0) return false;
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = r->signal_fd}};
    if (epoll_ctl(r->watched_fd, EPOLL_CTL_ADD, r->signal_fd, &event) != 0) return false;
    event.data.fd = STDIN_FILENO;
    /* A file as input, /dev/null for one, cannot be watched and does not end the link. */
    if (input_too) (void)epoll_ctl(r->watched_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    return true;
}

static void look(running_t *r)
{
    struct signalfd_siginfo info;
    while (read(r->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGCHLD) r->stopped = true;
    }
    reap(r);
    struct epoll_event event;
    if (epoll_wait(r->watched_fd, &event, 1, 0) == 1 && event.data.fd == STDIN_FILENO) {
        char ignored[256];
        if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) r->stopped = true;
    }
}

/* Pumps until `at`, the link's end, a signal, or the end of the command at a. */
static void pump_until(running_t *r, uint64_t at)
{
    if (at > r->end_at) at = r->end_at;
    while (!r->stopped && r->code < 0 && pump_now() < at) {
        if (pump_run(r->pumps, &r->rest, r->watched_fd, at)) look(r);
    }
}

/* The polite way, while the link still carries their goodbyes; then the other. */
static void end_commands(running_t *r)
{
    const uint64_t patience_ends_at = pump_now() + GRACE;
    signal_command(r->at_a, SIGTERM);
    signal_command(r->at_b, SIGTERM);
    while ((r->at_a > 0 || r->at_b > 0) && pump_now() < patience_ends_at) {
        if (pump_run(r->pumps, &r->rest, r->watched_fd, patience_ends_at)) look(r);
    }
    signal_command(r->at_a, SIGKILL);
    signal_command(r->at_b, SIGKILL);
    while (wait(NULL) > 0) {
    }
}

/* ---- a run */

static void run_commands(running_t *r, const link_options_t *options)
{
    r->at_b = begin_command(&r->sites[1], options->at_b);
    pump_until(r, pump_now() + options->after_ms * MILLISECOND);
    if (!r->stopped) r->at_a = begin_command(&r->sites[0], options->at_a);
    pump_until(r, r->end_at);
    end_commands(r);
}

static void write_entrance(const running_t *r, const char *name, const site_t *site)
{
    (void)printf(",\"%s\":[", name);
    if (geteuid() == 0 && r->user_fd < 0) (void)printf("\"nice\",\"-n\",\"%d\",", URGENCY);
    (void)printf("\"nsenter\",");
    if (r->user_fd >= 0) (void)printf("\"--user=/proc/%d/fd/%d\",\"--preserve-credentials\",", getpid(), r->user_fd);
    (void)printf("\"--net=/proc/%d/fd/%d\"]", getpid(), site->namespace_fd);
}

static void hold(running_t *r)
{
    /* Whoever began this may be killed: nobody would end the link then, as its input need not be a pipe. */
    (void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0ul, 0ul, 0ul);
    (void)printf("{\"event\":\"ready\",\"addresses\":[\"%s\",\"%s\"]", ADDRESSES[0], ADDRESSES[1]);
    write_entrance(r, "a", &r->sites[0]);
    write_entrance(r, "b", &r->sites[1]);
    (void)puts("}");
    (void)fflush(stdout);
    pump_until(r, r->end_at);
}

static double cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static bool report(const running_t *r, const link_options_t *options, bool hurried)
{
    FILE *out = options->report != NULL ? fopen(options->report, "we") : stdout;
    if (out == NULL) {
        (void)fprintf(stderr, "link: %s: %s\n", options->report, strerror(errno));
        return false;
    }
    link_report(out, r->pumps, cpu_s(), (double)(pump_now() - r->begun_at) / (double)SECOND, hurried);
    return out == stdout || fclose(out) == 0;
}

static int run(running_t *r, const link_options_t *options)
{
    if (!site_permit(&r->user_fd)) return not_run("no user namespace can be made");
    for (unsigned i = 0; i < 2; i++) {
        const char *failed = site_begin(&r->sites[i], ADDRESSES[i]);
        if (failed != NULL) return not_run(failed);
    }
    r->begun_at = pump_now();
    r->rest = (pump_rest_t){.grain = options->grain, .at = r->begun_at};
    r->end_at = r->begun_at + options->seconds * SECOND;
    if (!watch(r, options->at_a == NULL) || !direction_begin(&r->directions[0], &options->forth, r->begun_at) ||
        !direction_begin(&r->directions[1], &options->back, r->begun_at)) {
        return not_run("no memory or descriptors");
    }
    for (unsigned i = 0; i < 2; i++) {
        r->pumps[i] = (pump_t){.from = &r->sites[i], .to = &r->sites[1 - i], .direction = &r->directions[i]};
    }
    const bool hurried = pump_hurry();
    if (options->at_a != NULL) run_commands(r, options);
    else hold(r);
    if (!report(r, options, hurried)) return 1;
    return r->code > 0 || (options->at_a != NULL && r->code < 0) ? 1 : 0;
}

int main(int argc, char **argv)
{
    link_options_t options;
    int code;
    if (!link_options_read(&options, argc, argv, &code)) return code;
    running_t r = {.user_fd = -1, .signal_fd = -1, .watched_fd = -1, .code = -1};
    for (unsigned i = 0; i < 2; i++) r.sites[i] = (site_t){.namespace_fd = -1, .tun_fd = -1};
    code = run(&r, &options);
    for (unsigned i = 0; i < 2; i++) {
        direction_end(&r.directions[i]);
        site_end(&r.sites[i]);
    }
    return code;
}
