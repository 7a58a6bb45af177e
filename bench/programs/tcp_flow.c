/*
 * User data over a TCP connection of the kernel, on loopback: for reference, as nothing is encrypted and nothing leaves
 * the kernel. Sender on core 0, receiver on core 1. One JSON object on stdout.
 *
 *     build/bench/tcp-flow [--write BYTES] [--seconds S]
 */
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/arguments.h"
#include "support/measure.h"

static const char usage[] = "usage: tcp-flow [--write BYTES] [--seconds S]\n";

enum { READ_BYTES = 65536, WRITE_MAX = 1 << 20 };

typedef struct shared {
    volatile uint64_t received;
    volatile double cpu;
} shared_t;

static void tcp_pair(int fds[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, len) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &len) < 0 ||
        connect(fds[0], (struct sockaddr *)&address, len) < 0 || (fds[1] = accept(listener, NULL, NULL)) < 0) {
        die("TCP on loopback");
    }
    (void)setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)close(listener);
}

static _Noreturn void receive_for_ever(int fd, shared_t *shared)
{
    static uint8_t buffer[READ_BYTES];
    pin(1);
    const double before = cpu_s();
    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) {
        shared->received += (uint64_t)n;
        shared->cpu = cpu_s() - before;
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    double block_len = 16384, seconds = 2;
    const argument_t known[] = {{"--write", &block_len, NULL}, {"--seconds", &seconds, NULL}, {NULL, NULL, NULL}};
    const char *word = read_arguments(argc, argv, known, usage);
    static const uint8_t block[WRITE_MAX];
    shared_t *shared = shared_memory(sizeof *shared);
    int fds[2];
    if (word != NULL || block_len < 1 || block_len > WRITE_MAX) {
        (void)fputs(usage, stderr);
        return 2;
    }
    tcp_pair(fds);
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        (void)close(fds[0]);
        receive_for_ever(fds[1], shared);
    }
    pin(0);
    (void)close(fds[1]);
    uint64_t sent = 0;
    const double begun = now_s(), before = cpu_s();
    while (now_s() < begun + seconds) {
        const ssize_t n = write(fds[0], block, (size_t)block_len);
        if (n <= 0) die("write");
        sent += (uint64_t)n;
    }
    (void)close(fds[0]);
    (void)waitpid(child, NULL, 0);
    const double took = now_s() - begun, cpu = cpu_s() - before, gigabytes = (double)sent / 1e9;
    if (shared->received != sent) {
        (void)fprintf(stderr, "%llu bytes went, %llu came\n", (unsigned long long)sent,
                      (unsigned long long)shared->received);
        return 1;
    }
    (void)printf("{\"gbit_s\":%.4f,\"sender_cpu\":%.4f,\"receiver_cpu\":%.4f}\n", gigabytes * 8 / took, cpu / gigabytes,
                 shared->cpu / gigabytes);
    return 0;
}
