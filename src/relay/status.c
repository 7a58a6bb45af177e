/* The status codes by name and sentence. */
#include "relay/message.h"

static const struct {
    uint64_t status;
    const char *text, *sentence;
} statuses[] = {
#define STATUS_ROW(name, value, sentence) {value, #name, sentence},
    MINKE_RELAY_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

_Static_assert(sizeof statuses / sizeof statuses[0] == MINKE_RELAY_STATUSES_N, "one row for each status");

size_t minke__relay_status_index(uint64_t status)
{
    size_t i = 0;
    while (i < MINKE_RELAY_STATUSES_N && statuses[i].status != status) i++;
    return i;
}

uint64_t minke__relay_status_at(size_t index) { return index < MINKE_RELAY_STATUSES_N ? statuses[index].status : 0; }

const char *minke__relay_status_text(uint64_t status)
{
    const size_t i = minke__relay_status_index(status);
    return i < MINKE_RELAY_STATUSES_N ? statuses[i].text : "UNKNOWN";
}

const char *minke__relay_status_sentence(uint64_t status)
{
    const size_t i = minke__relay_status_index(status);
    return i < MINKE_RELAY_STATUSES_N ? statuses[i].sentence : "the other side gave a status that is not known here";
}
