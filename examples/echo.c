/*
 * A first program: listens for browsers and sends back every byte that comes on /echo/1.0.0. It is correct as it
 * stands: it reads no more than it can send, and loses nothing when the remote reads slowly.
 */
#include <minke/minke.h>
#include <stdio.h>

int main(void)
{
    minke_host_t *host = minke_host_new(NULL); /* defaults, a fresh identity */
    if (host == NULL || minke_listen(host, "/ip4/0.0.0.0/udp/9090/webrtc-direct") < 0) return 1;
    if (minke_handle(host, "/echo/1.0.0") < 0) return 1;

    minke_event_t event;
    setvbuf(stdout, NULL, _IOLBF, 0); /* a pipe has the address at once, too */
    while (minke_wait(host, &event, -1) == MINKE_OK) {
        if (event.type == MINKE_EVENT_LISTENING) puts(event.addr);
        if (event.type == MINKE_EVENT_LISTEN_FAILED) break; /* event.close.text says why: the port is taken, for one */
        if (event.type != MINKE_EVENT_STREAM_READABLE && event.type != MINKE_EVENT_STREAM_WRITABLE) continue;

        const uint8_t *data;
        ssize_t n;
        while ((n = minke_stream_peek(host, event.stream, &data)) > 0) { /* 0: end of stream, negative: nothing now */
            const ssize_t taken = minke_stream_write(host, event.stream, data, (size_t)n);
            if (taken <= 0) break; /* WRITABLE will say when to go on */
            minke_stream_consume(host, event.stream, (size_t)taken);
        }
        if (n == 0) minke_stream_finish(host, event.stream);
    }
    minke_host_free(host);
    return 1;
}
