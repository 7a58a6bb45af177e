#include <stdio.h>
#include <string.h>

#include "chat.h"

static void append(queue_t *queue, const char *text, size_t len)
{
    memcpy(queue->bytes + queue->len, text, len);
    queue->len += len;
}

void queue_add(queue_t *queue, const char *line, size_t len)
{
    char notice[64];
    int notice_len = 0;
    if (queue->missed > 0) notice_len = snprintf(notice, sizeof notice, "* %u lines left out\n", queue->missed);
    if ((size_t)notice_len + len + 1 > QUEUE_BYTES - queue->len) {
        queue->missed++;
        return;
    }
    append(queue, notice, (size_t)notice_len);
    append(queue, line, len);
    append(queue, "\n", 1);
    queue->missed = 0;
}

void queue_take(queue_t *queue, size_t len)
{
    memmove(queue->bytes, queue->bytes + len, queue->len - len);
    queue->len -= len;
}
