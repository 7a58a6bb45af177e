// The js-libp2p node of this page.
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys';
import { identify, identifyPush } from '@libp2p/identify';
import { noise } from '@libp2p/noise';
import { webRTC, webRTCDirect } from '@libp2p/webrtc';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';

const KEY = 'minke-meet-key';
const PATIENCE = 15_000;

/** The identity outlives a reload of this tab, so that the link which somebody has been sent stays good. A link to ourselves
 * means that the tab was duplicated, and its storage with it: then we are somebody new. */
async function own_key(except_peer) {
  try {
    const bytes = Uint8Array.from(JSON.parse(sessionStorage.getItem(KEY)));
    const key = privateKeyFromProtobuf(bytes);
    if (key.publicKey.toString() !== except_peer) return key;
  } catch {} // none yet, or no storage
  const key = await generateKeyPair('Ed25519');
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...privateKeyToProtobuf(key)]));
  } catch {}
  return key;
}

/** ice_servers() is asked at each attempt. The node's service `listen(addresses)` is libp2p's own, which it keeps to itself. */
export async function make_node(ice_servers, except_peer) {
  return createLibp2p({
    privateKey: await own_key(except_peer),
    nodeInfo: { userAgent: 'minke-meet' },
    addresses: { listen: ['/webrtc'] }, // whoever reaches us over a relay may come directly
    transports: [
      webRTC({ rtcConfiguration: () => ({ iceServers: ice_servers() }) }),
      webRTCDirect({ rtcConfiguration: { iceServers: [] } }),
      webSockets(),
      circuitRelayTransport(),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      listen: ({ transportManager }) => addresses => transportManager.listen(addresses),
    },
    connectionManager: { addressDialTimeout: PATIENCE, dialTimeout: PATIENCE, inboundUpgradeTimeout: PATIENCE },
    // In a page js-libp2p refuses to dial private addresses and insecure WebSockets, unless this says otherwise.
    connectionGater: { denyDialMultiaddr: () => false },
    // It would end a connection whose ping waits behind a large file; our own ping shows whether it lives.
    connectionMonitor: { enabled: false },
  });
}
