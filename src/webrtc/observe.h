/* What a connection shows to the trace sink and to the tap. */
#ifndef MINKE_WEBRTC_OBSERVE_H
#define MINKE_WEBRTC_OBSERVE_H

#include "webrtc/connection.h"

/* Lines of trace: an address of the remote, with the version of webrtc-direct; who it is; why it ends. */
void minke__trace_remote(const minke_connection_state_t *connection, minke_trace_id_t id, const minke_address_t *remote,
                         minke_time_t now);
void minke__trace_peer(const minke_connection_state_t *connection, minke_time_t now);
void minke__trace_closed(const minke_connection_state_t *connection, minke_time_t now);

/* For both: look at minke__tapping first. */

/* Each datagram of a train as it crosses the boundary. */
void minke__tap_train(const minke_env_t *env, minke_connection_t connection, bool received, const minke_train_t *train,
                      const minke_path_t *path, minke_time_t now);
/* An SCTP packet while it is in the clear: received on `path`, or NULL: to be sent where data goes now. */
void minke__tap_sctp(const minke_connection_state_t *connection, const minke_path_t *path, const uint8_t *data,
                     size_t len, minke_time_t now);

#endif
