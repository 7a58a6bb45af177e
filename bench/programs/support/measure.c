#include "measure.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

void die(const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static double read_clock(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double now_s(void) { return read_clock(CLOCK_MONOTONIC); }

double cpu_s(void) { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

void pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

void *shared_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    return memory;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *values, size_t n)
{
    if (n == 0) return 0;
    qsort(values, n, sizeof *values, compare);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static int udp_socket(int buffer_bytes, int patience_ms, struct sockaddr_in *address)
{
    const struct timeval patience = {patience_ms / 1000, patience_ms % 1000 * 1000};
    socklen_t len = sizeof *address;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0) die("socket");
    if (buffer_bytes > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)address, sizeof *address) < 0) die("bind");
    if (getsockname(fd, (struct sockaddr *)address, &len) < 0) die("getsockname");
    return fd;
}

void udp_pair(int fds[2], int buffer_bytes, int patience_ms)
{
    struct sockaddr_in addresses[2];
    for (int i = 0; i < 2; i++) fds[i] = udp_socket(buffer_bytes, patience_ms, &addresses[i]);
    for (int i = 0; i < 2; i++) {
        if (connect(fds[i], (struct sockaddr *)&addresses[1 - i], sizeof addresses[0]) < 0) die("connect");
    }
}
