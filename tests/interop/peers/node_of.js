// A js-libp2p node that dials webrtc-direct, the same in Node and in a page.
import { identify, identifyPush } from '@libp2p/identify';
import { ping } from '@libp2p/ping';
import { webRTCDirect } from '@libp2p/webrtc';
import { createLibp2p } from 'libp2p';

const LONG = 30_000;

export async function make_node({ user_agent, listen = [], services = {} }) {
  return createLibp2p({
    nodeInfo: { userAgent: user_agent },
    addresses: { listen },
    // No STUN server is reachable on a closed network, and none is needed.
    transports: [webRTCDirect({ rtcConfiguration: { iceServers: [] } })],
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
    connectionGater: { denyDialMultiaddr: () => false }, // pages refuse loopback addresses by default
  });
}
