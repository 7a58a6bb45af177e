/* The headers that a packet has had on the wire, or would have. The transport knows addresses, not headers. */
#ifndef MINKE_CLI_IP_HEADER_H
#define MINKE_CLI_IP_HEADER_H

#include <minke/minke.h>

/* IPv6 and UDP. */
enum { CLI_IP_HEADERS_MAX = 48 };

/* IP and UDP in front of a datagram, IP alone in front of an SCTP packet (protocol 132). Returns their length. */
size_t cli_ip_headers(const minke_packet_t *packet, uint8_t out[CLI_IP_HEADERS_MAX]);

#endif
