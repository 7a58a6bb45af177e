/*
 * What a multiaddr asks of whoever dials it or listens on it: which transport, where, and whom to expect.
 *
 *     /ip4|ip6/../udp/../webrtc-direct[/certhash/..]*        DIRECT
 *     /ip4|ip6|dns|dns4|dns6/../tcp/..                       TCP
 *     ..                       /tcp/../ws                    WEBSOCKET
 *     ..                       /tcp/../wss                   WEBSOCKET_TLS   (also /tls/ws, /tls/sni/NAME/ws)
 *     /dnsaddr/NAME                                          UNKNOWN         until it is resolved
 *
 * each with /p2p/PEER behind it, and then perhaps /p2p-circuit[/webrtc][/p2p/PEER]: what stands before is the relay's,
 * and /webrtc asks for a direct connection that is agreed on over the circuit (spec/webrtc-private.md 1).
 */
#ifndef MINKE_MULTIFORMATS_TARGET_H
#define MINKE_MULTIFORMATS_TARGET_H

#include "multiformats/multiaddr.h"

typedef enum minke_target_kind {
    MINKE_TARGET_UNKNOWN,
    MINKE_TARGET_DIRECT,
    MINKE_TARGET_TCP,
    MINKE_TARGET_WEBSOCKET,
    MINKE_TARGET_WEBSOCKET_TLS
} minke_target_kind_t;

enum { MINKE_NAME_BYTES = 254 }; /* a DNS name of at most 253 characters, terminated */

typedef struct minke_target {
    minke_target_kind_t kind;
    minke_address_t address;     /* family NONE where a name stands instead; the port is there all the same */
    char name[MINKE_NAME_BYTES]; /* to be resolved first; "": nothing is */
    char sni[MINKE_NAME_BYTES];  /* of /sni/: what TLS is to ask for instead of the host; "": nothing else */
    minke_peer_id_t peer;        /* who answers there; len 0: anybody */
    bool circuit;                /* over a relay, which is what the fields above describe */
    bool webrtc;                 /* and then directly */
    size_t relay_len;            /* bytes of the multiaddr before /p2p-circuit */
    minke_peer_id_t destination; /* behind the relay; len 0: none is named */
} minke_target_t;

/* MINKE_ERROR_ADDRESS: none of these forms. */
MINKE_MUST_USE int minke__target_parse(const minke_multiaddr_t *address, minke_target_t *out);
/* The same from text; and MINKE_ERROR_MALFORMED, _UNSUPPORTED, _TOO_LARGE. `binary` may be NULL. */
MINKE_MUST_USE int minke__target_parse_text(const char *text, minke_multiaddr_t *binary, minke_target_t *out);
/* /ip4|ip6/../tcp/..[/ws|/wss][/p2p/..] of a kind other than DIRECT. `peer` may be NULL. MINKE_ERROR_ADDRESS. */
MINKE_MUST_USE int minke__target_write(minke_target_kind_t kind, const minke_address_t *address,
                                       const minke_peer_id_t *peer, minke_multiaddr_t *out);
/* The same address without /webrtc: that of the circuit. MINKE_ERROR_ADDRESS: it is none. */
MINKE_MUST_USE int minke__target_circuit(const minke_multiaddr_t *address, minke_multiaddr_t *out);
/* The host as a URL or a certificate has it: the name, or the IP address without brackets. */
void minke__target_host(const minke_target_t *target, char out[MINKE_NAME_BYTES]);

#endif
