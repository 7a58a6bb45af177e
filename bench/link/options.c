#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: link [options] -- COMMAND-AT-B [ARGUMENT]... -- COMMAND-AT-A [ARGUMENT]...\n"
    "       link [options]\n"
    "\n"
    "Two network namespaces, a (10.55.0.1) and b (10.55.0.2), and between them a link that this process is: it takes "
    "each\n"
    "IP packet of at most 1500 bytes, lets it queue, wait and perhaps get lost, and hands it over.\n"
    "\n"
    "Given commands, it runs the first at b and the second at a, and ends with the second. Without, it prints a line "
    "of\n"
    "JSON that says with which commands others enter a and b, and stays until its standard input ends or a signal "
    "comes.\n"
    "At the end it prints what the link has carried, as JSON.\n"
    "\n"
    "  --rate BITS        a second, in K, M or G of 1000 (100M); 0: no bottleneck\n"
    "  --rate-back BITS   from b to a (as --rate)\n"
    "  --rtt MS           of the empty link, half of it in each direction (50)\n"
    "  --queue BYTES      that may wait in each direction, in K or M of 1000, or as in 1bdp (1bdp): so many times\n"
    "                     rate x round trip\n"
    "  --loss P           probability of a packet's loss behind the bottleneck, 0 to 0.9 (0)\n"
    "  --loss-back P      from b to a (as --loss)\n"
    "  --burst N          packets lost in a row, on average (1: each for itself)\n"
    "  --reorder P        probability that a packet comes late (0)\n"
    "  --late MS          by so much (5)\n"
    "  --grain US         packets that are due within so long are handed over together (200); 0: each for itself, at\n"
    "                     twice the processor time\n"
    "  --seed N           of the losses (1)\n"
    "  --seconds N        the link ends then in any case (600)\n"
    "  --after MS         the command at a begins so long after the one at b (300)\n"
    "  --report FILE      for what the link has carried (standard output)\n";

static const double BITS_PER_BYTE = 8, NS_PER_MS = 1e6, MS_PER_S = 1000;

enum {
    RATE = 256,
    RATE_BACK,
    RTT,
    QUEUE,
    LOSS,
    LOSS_BACK,
    BURST,
    REORDER,
    LATE,
    GRAIN,
    SEED,
    SECONDS,
    AFTER,
    REPORT,
    HELP_WANTED
};

static const struct option KNOWN[] = {
    {"rate", required_argument, NULL, RATE},   {"rate-back", required_argument, NULL, RATE_BACK},
    {"rtt", required_argument, NULL, RTT},     {"queue", required_argument, NULL, QUEUE},
    {"loss", required_argument, NULL, LOSS},   {"loss-back", required_argument, NULL, LOSS_BACK},
    {"burst", required_argument, NULL, BURST}, {"reorder", required_argument, NULL, REORDER},
    {"late", required_argument, NULL, LATE},   {"grain", required_argument, NULL, GRAIN},
    {"seed", required_argument, NULL, SEED},   {"seconds", required_argument, NULL, SECONDS},
    {"after", required_argument, NULL, AFTER}, {"report", required_argument, NULL, REPORT},
    {"help", no_argument, NULL, HELP_WANTED},  {NULL, 0, NULL, 0}};

/* As they stand on the command line; negative: not given. */
typedef struct wishes {
    double rate, rate_back, rtt_ms, queue, queue_bdp, loss, loss_back, burst, reorder, late_ms, grain_us, seed, seconds,
        after_ms;
} wishes_t;

static bool read_number(const char *text, double least, double most, double *out)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text) return false;
    if (*end == 'K' || *end == 'M' || *end == 'G') *out *= *end == 'K' ? 1e3 : *end == 'M' ? 1e6 : 1e9;
    if (*end == 'K' || *end == 'M' || *end == 'G') end++;
    return *end == 0 && *out >= least && *out <= most;
}

static bool read_queue(const char *text, wishes_t *wishes)
{
    char number[32];
    const char *unit = strstr(text, "bdp");
    if (unit == NULL) return read_number(text, DIRECTION_MTU, 1e9, &wishes->queue);
    if (unit[3] != 0 || (size_t)(unit - text) >= sizeof number) return false;
    memcpy(number, text, (size_t)(unit - text));
    number[unit - text] = 0;
    return read_number(number, 0, 1000, &wishes->queue_bdp);
}

static bool read_option(int option, const char *text, wishes_t *wishes)
{
    const double rate_max = 40e9, span_max_ms = 60000, loss_max = 0.9;
    switch (option) {
    case RATE: return read_number(text, 0, rate_max, &wishes->rate);
    case RATE_BACK: return read_number(text, 0, rate_max, &wishes->rate_back);
    case RTT: return read_number(text, 0, span_max_ms, &wishes->rtt_ms);
    case QUEUE: return read_queue(text, wishes);
    case LOSS: return read_number(text, 0, loss_max, &wishes->loss);
    case LOSS_BACK: return read_number(text, 0, loss_max, &wishes->loss_back);
    case BURST: return read_number(text, 1, 1e6, &wishes->burst);
    case REORDER: return read_number(text, 0, 1, &wishes->reorder);
    case LATE: return read_number(text, 0, span_max_ms, &wishes->late_ms);
    case GRAIN: return read_number(text, 0, span_max_ms, &wishes->grain_us);
    case SEED: return read_number(text, 0, 0x1p53, &wishes->seed);
    case SECONDS: return read_number(text, 1, 3600, &wishes->seconds);
    default: return read_number(text, 0, span_max_ms, &wishes->after_ms);
    }
}

static direction_options_t direction_of(const wishes_t *wishes, double bits, double loss, uint64_t stream)
{
    const double rate = bits / BITS_PER_BYTE, bdp = rate * wishes->rtt_ms / MS_PER_S;
    double queue = wishes->queue >= 0 ? wishes->queue : wishes->queue_bdp * bdp;
    if (queue < DIRECTION_MTU) queue = DIRECTION_MTU; /* the packet that is being serialised */
    return (direction_options_t){.rate = (uint64_t)rate,
                                 .delay = (uint64_t)(wishes->rtt_ms * NS_PER_MS / 2),
                                 .queue_len = (size_t)queue,
                                 .loss = loss,
                                 .burst = wishes->burst,
                                 .reorder = wishes->reorder,
                                 .late_by = (uint64_t)(wishes->late_ms * NS_PER_MS),
                                 .seed = (uint64_t)wishes->seed,
                                 .stream = stream};
}

/* `-- B... -- A...`, or nothing. */
static bool read_commands(link_options_t *options, int argc, char **argv)
{
    if (argc == 0) return true;
    int middle = 0;
    while (middle < argc && strcmp(argv[middle], "--") != 0) middle++;
    if (middle == 0 || middle + 1 >= argc) return false;
    argv[middle] = NULL;
    options->at_b = argv;
    options->at_a = argv + middle + 1;
    return true;
}

bool link_options_read(link_options_t *options, int argc, char **argv, int *code)
{
    wishes_t wishes = {.rate = 100e6,
                       .rate_back = -1,
                       .rtt_ms = 50,
                       .queue = -1,
                       .queue_bdp = 1,
                       .loss = 0,
                       .loss_back = -1,
                       .burst = 1,
                       .late_ms = 5,
                       .grain_us = 200,
                       .seed = 1,
                       .seconds = 600,
                       .after_ms = 300};
    *options = (link_options_t){.report = NULL};
    *code = 2;
    for (int c; (c = getopt_long(argc, argv, "+", KNOWN, NULL)) != -1;) {
        if (c == HELP_WANTED) {
            (void)fputs(HELP, stdout);
            *code = 0;
            return false;
        }
        if (c == '?') return false;
        if (c == REPORT) {
            options->report = optarg;
        } else if (!read_option(c, optarg, &wishes)) {
            (void)fprintf(stderr, "link: %s is no such value (see link --help)\n", optarg);
            return false;
        }
    }
    if (!read_commands(options, argc - optind, argv + optind)) {
        (void)fputs(HELP, stderr);
        return false;
    }
    options->forth = direction_of(&wishes, wishes.rate, wishes.loss, 0);
    options->back = direction_of(&wishes, wishes.rate_back >= 0 ? wishes.rate_back : wishes.rate,
                                 wishes.loss_back >= 0 ? wishes.loss_back : wishes.loss, 1);
    options->grain = (uint64_t)(wishes.grain_us * NS_PER_MS / MS_PER_S);
    options->seconds = (unsigned)wishes.seconds;
    options->after_ms = (unsigned)wishes.after_ms;
    return true;
}
