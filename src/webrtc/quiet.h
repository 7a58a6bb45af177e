/*
 * Connections that are open and say nothing. What happens to them is checks, which concern no layer but ICE: so no
 * other is asked for a deadline, for events or for something to send, and their memory stays out of the caches. With
 * thousands of them that is most of what they cost. All that is seen from outside is as if they were asked.
 *
 *     touched --(transmit has emptied it)--> quiet <--> checks_only: a check or an answer is due
 *        ^------------(anything else)----------'------------'
 */
#ifndef MINKE_WEBRTC_QUIET_H
#define MINKE_WEBRTC_QUIET_H

#include "webrtc/endpoint.h"

/* A STUN message for this connection, which is not dialling any more. */
void minke__quiet_recv(minke_transport_t *transport, minke_connection_state_t *connection,
                       const minke_stun_message_t *message, const minke_path_t *path, minke_time_t now);
/* Its time has come. False: not, or not only, that of its ICE agent, and nothing has been done. */
bool minke__quiet_tick(minke_transport_t *transport, minke_connection_state_t *connection, minke_time_t now);
/* The next datagram of one that is `checks_only`, and has just been taken from to_send; 0: none. */
MINKE_MUST_USE size_t minke__quiet_transmit(minke_transport_t *transport, minke_connection_state_t *connection,
                                            uint8_t *buffer, size_t capacity, minke_train_t *train, minke_path_t *path,
                                            minke_time_t now);

#endif
