#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* All of it, or its last part. */
static bool read_tail(const char *path, char *out, size_t capacity)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    (void)fseek(file, -(long)(capacity - 1), SEEK_END); /* fails on a shorter one, which is read from its beginning */
    const size_t n = fread(out, 1, capacity - 1, file);
    (void)fclose(file);
    out[n] = 0;
    return n > 0;
}

static bool read_file(pid_t pid, const char *name, char *out, size_t capacity)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    return read_tail(path, out, capacity);
}

/* The number behind the last `name`. */
static double last_number(const char *text, const char *name)
{
    const char *found = NULL;
    for (const char *at = text; (at = strstr(at, name)) != NULL; at += strlen(name)) found = at + strlen(name);
    return found != NULL ? strtod(found, NULL) : 0;
}

/* Fields 14 and 15, counted from behind the name, which may hold anything. */
double process_cpu_s(pid_t pid)
{
    enum { FIELDS_BETWEEN = 11 };
    char text[1024];
    if (!read_file(pid, "stat", text, sizeof text)) return 0;
    char *at = strrchr(text, ')');
    for (int i = 0; at != NULL && i <= FIELDS_BETWEEN; i++) at = strchr(at + 1, ' ');
    if (at == NULL) return 0;
    const unsigned long long in_user = strtoull(at, &at, 10), in_kernel = strtoull(at, NULL, 10);
    return (double)(in_user + in_kernel) / (double)sysconf(_SC_CLK_TCK);
}

double process_resident(pid_t pid)
{
    char text[256];
    if (!read_file(pid, "statm", text, sizeof text)) return 0;
    const char *resident = strchr(text, ' ');
    return resident != NULL ? strtod(resident, NULL) * (double)sysconf(_SC_PAGESIZE) : 0;
}

double process_resident_peak(pid_t pid)
{
    char text[4096];
    return read_file(pid, "status", text, sizeof text) ? last_number(text, "VmHWM:") * 1024 : 0;
}

double process_memory_stats(const char *file_name)
{
    char text[65536];
    return read_tail(file_name, text, sizeof text) ? last_number(text, "\"memory_bytes\":") : 0;
}
