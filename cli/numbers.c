#include <errno.h>
#include <stdlib.h>

#include "cli.h"

bool cli_number(const char *option, const char *text, long low, long high, long *out)
{
    char *end;
    errno = 0;
    *out = strtol(text, &end, 10);
    if (errno == 0 && end != text && *end == 0 && *out >= low && *out <= high) return true;
    cli_complain("%s wants a number from %ld to %ld, not: %s", option, low, high, text);
    return false;
}

bool cli_bytes(const char *option, const char *text, uint64_t *out)
{
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);
    unsigned shift = 0;
    if (*end == 'K' || *end == 'k') shift = 10;
    else if (*end == 'M' || *end == 'm') shift = 20;
    else if (*end == 'G' || *end == 'g') shift = 30;
    if (end == text || text[0] == '-' || (shift > 0 ? end[1] : *end) != 0 || value > UINT64_MAX >> (shift + 1)) {
        cli_complain("%s wants a number of bytes such as 1048576 or 64M, not: %s", option, text);
        return false;
    }
    *out = (uint64_t)value << shift;
    return true;
}
