#include "webrtc/session.h"

minke_ice_session_t *minke__session_new(const minke_env_t *env, struct minke_connection_state *owner,
                                        minke_connection_t id, const minke_ice_options_t *options, minke_time_t now)
{
    minke_ice_session_t *session = minke__alloc_zero(env, sizeof *session);
    if (session == NULL) return NULL;
    session->env = env;
    session->owner = owner;
    minke__list_init(&session->paths);
    session->ice = minke__ice_new(env, options, id, now);
    if (session->ice != NULL) return session;
    minke__free(env, session);
    return NULL;
}

void minke__session_free(minke_ice_session_t *session)
{
    if (session == NULL) return;
    minke__ice_free(session->ice);
    minke__free(session->env, session);
}
