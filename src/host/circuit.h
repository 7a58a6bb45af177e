/*
 * Circuits (spec/host.md 11): a stream to a relay whose other end is a stream to another peer. It carries the bytes of
 * a connection of its own, upgraded like TCP: Noise tells who is really there, whatever the relay says.
 *
 *     dialer   hop stream   CONNECT --> relay,  <-- STATUS OK     then it is the initiator of Noise
 *     target   stop stream  relay --> CONNECT,  STATUS OK -->     then it is the responder
 */
#ifndef MINKE_HOST_CIRCUIT_H
#define MINKE_HOST_CIRCUIT_H

#include "base/frame_inbox.h"
#include "host/node.h"
#include "relay/message.h"

/* A stream becomes the carrier of a new connection; its service and state are the circuit's from then on. `peer`: who
 * must be at the other end. 0: out of memory or over a limit, and the stream is reset. */
MINKE_MUST_USE minke_connection_t minke__circuit_begin(minke_node_t *node, minke_node_stream_t *stream, bool inbound,
                                                       const minke_peer_id_t *peer, const minke_relay_limit_t *limit);
/* There is room on its stream, perhaps. */
void minke__circuit_send(minke_node_t *node, minke_carrier_t *carrier);
/* Its connection has ended. */
void minke__circuit_release(minke_node_t *node, minke_carrier_t *carrier);
/* The multiaddr of the other end, as it is known here: that of the relay, and /p2p-circuit. MINKE_ERROR_STATE: ended.
 */
MINKE_MUST_USE int minke__circuit_address(const minke_carrier_t *carrier, minke_multiaddr_t *out);

/* ---- one message of the relay protocol on a stream */

/* Takes from the stream until the message is complete. MINKE_OK; MINKE_ERROR_AGAIN; MINKE_ERROR_CONNECTION_CLOSED: the
 * stream has ended before; others of minke__frame_inbox_take. */
MINKE_MUST_USE int minke__relay_read(minke_node_t *node, minke_node_stream_t *stream, minke_frame_inbox_t *inbox);
/* It is small beside a stream's buffer: all of it is taken, or the stream is reset and false returned. */
bool minke__relay_write(minke_node_t *node, minke_node_stream_t *stream,
                        int (*write)(const minke_relay_message_t *message, minke_writer_t *out),
                        const minke_relay_message_t *message);
/* Why a relay or a target did not agree: layer RELAY. */
minke_close_t minke__relay_refusal(uint64_t status);
/* The same for what is no answer: `text` is a sentence. */
minke_close_t minke__relay_failure(int code, const char *text);

#endif
