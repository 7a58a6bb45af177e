#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static long read_key(const char *path, unsigned char key[CLI_KEY_MAX])
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return -1;
    const size_t len = fread(key, 1, CLI_KEY_MAX, file);
    const bool failed = ferror(file) != 0 || fgetc(file) != EOF;
    (void)fclose(file);
    if (failed || len == 0) {
        cli_complain("%s: not a key file", path);
        errno = EINVAL;
        return -1;
    }
    return (long)len;
}

/* Never overwrites: an identity that is lost cannot be made again. */
static int write_key(const char *path, const unsigned char *key, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    const bool written = write(fd, key, len) == (ssize_t)len && fsync(fd) == 0;
    const int error = errno;
    if (close(fd) < 0 || !written) {
        (void)unlink(path);
        errno = error;
        return -1;
    }
    return 0;
}

long cli_make_key(const char *path, unsigned char key[CLI_KEY_MAX])
{
    const ssize_t len = minke_key_new(key, CLI_KEY_MAX);
    if (len < 0) {
        cli_complain("cannot make a key: %s", minke_error_text((int)len));
        return -1;
    }
    if (write_key(path, key, (size_t)len) < 0) {
        cli_complain("%s: %s", path, strerror(errno));
        return -1;
    }
    return (long)len;
}

long cli_read_key(const char *path, unsigned char key[CLI_KEY_MAX])
{
    const long len = read_key(path, key);
    if (len < 0 && errno != EINVAL) cli_complain("%s: %s", path, strerror(errno));
    return len;
}

long cli_load_or_make_key(const char *path, unsigned char key[CLI_KEY_MAX])
{
    const long len = read_key(path, key);
    if (len >= 0 || errno == EINVAL) return len;
    if (errno == ENOENT) return cli_make_key(path, key);
    cli_complain("%s: %s", path, strerror(errno));
    return -1;
}
