/* A host of Minke as the programs here need it: no limits in the way, and a line of JSON that says where it listens. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include <minke/minke.h>
#include <stdbool.h>
#include <stdint.h>

/* Ends the program when an error is returned: what was tried, and the text of the error. */
void must(int result, const char *what);

/* A host that allows so many connections at once, from one address too, and asks every peer who it is or does not. */
minke_host_t *new_host(uint32_t connections, bool identify);

/* What all hosts made from now on may try with UDP: "auto", "mmsg" or "single", as `udp_batching` has it. Ends the
 * program when there is no such way. */
void choose_udp(const char *way);

/* How long they look again and again before they sleep: `spin_us`. */
void choose_spin(uint32_t us);

/* Listens, and prints {"addr":".."} when it can be dialled. */
void listen_at(minke_host_t *host, const char *multiaddr);

/* Dials, and waits until it is connected, twenty seconds at most. */
minke_connection_t dial_to(minke_host_t *host, const char *multiaddr);

/* Opens a stream on which `protocol` will run. It can be written to at once. */
minke_stream_t open_stream(minke_host_t *host, minke_connection_t connection, const char *protocol);

/* Numbers as they travel on the streams of these programs, most significant byte first. */
void put_u64(uint8_t bytes[8], uint64_t value);
uint64_t get_u64(const uint8_t bytes[8]);

#endif
