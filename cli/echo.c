/*
 * /echo/1.0.0 by the public API alone: sends back every byte, reads no more than it can send, and loses nothing when
 * the remote reads slowly.
 */
#include "cli.h"

void cli_echo(minke_host_t *host, minke_stream_t stream)
{
    const uint8_t *data;
    ssize_t n;
    while ((n = minke_stream_peek(host, stream, &data)) > 0) {
        const ssize_t taken = minke_stream_write(host, stream, data, (size_t)n);
        if (taken == MINKE_ERROR_AGAIN) return; /* WRITABLE will say when to go on */
        if (taken < 0) { /* nobody is there to hear the rest: what is left unread would keep the connection */
            (void)minke_stream_reset(host, stream, 0);
            return;
        }
        (void)minke_stream_consume(host, stream, (size_t)taken);
    }
    if (n == 0) (void)minke_stream_finish(host, stream);
}
