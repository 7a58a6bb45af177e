// A js-libp2p node with every transport that it has here, the same in Node and in a page.
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { identify, identifyPush } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { webRTC, webRTCDirect } from '@libp2p/webrtc';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { make_bytes } from './bytes.js';

const LONG = 30_000;
const in_page = globalThis.window != null;

function transports() {
  // No STUN server is reachable on a closed network, and none is needed.
  const rtcConfiguration = { iceServers: [] };
  const all = [webRTCDirect({ rtcConfiguration }), webRTC({ rtcConfiguration }), webSockets(), circuitRelayTransport()];
  return in_page ? all : [...all, tcp()];
}

/** The service of a relay; what is null is js's default. Its own limit of time is in milliseconds, and it says that number to
 * its clients as if it were seconds. */
export function relay_server({ reservation_ttl, max_reservations, circuit_seconds, circuit_bytes }) {
  const times = (value, factor) => value == null ? undefined : value * factor;
  return circuitRelayServer({
    reservations: {
      reservationTtl: times(reservation_ttl, 1000),
      maxReservations: max_reservations,
      defaultDurationLimit: times(circuit_seconds, 1000),
      defaultDataLimit: circuit_bytes == null ? undefined : BigInt(circuit_bytes),
    },
  });
}

export async function make_node({ user_agent, listen = [], seed, services = {} }) {
  return createLibp2p({
    start: false,
    privateKey: seed == null ? undefined : await generateKeyPairFromSeed('Ed25519', make_bytes(32, seed)),
    nodeInfo: { userAgent: user_agent },
    addresses: { listen },
    transports: transports(),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify({ timeout: LONG }), identifyPush: identifyPush(), ping: ping(), ...services },
    // Pings every 10 s and aborts the connection when an answer is late: it would both break and hide silences.
    connectionMonitor: { enabled: false },
    connectionManager: {
      addressDialTimeout: LONG,
      dialTimeout: LONG,
      inboundConnectionThreshold: 1000,
      inboundUpgradeTimeout: LONG,
      inboundStreamProtocolNegotiationTimeout: LONG,
      outboundStreamProtocolNegotiationTimeout: LONG,
    },
    connectionGater: { denyDialMultiaddr: () => false }, // pages refuse loopback and insecure WebSocket by default
  });
}
