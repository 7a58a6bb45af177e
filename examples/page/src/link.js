// The js-libp2p node and its one connection.
import { identify } from '@libp2p/identify';
import { webRTCDirect } from '@libp2p/webrtc';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { watch_setup } from './setup.js';
import { explain_dial, Problem, problem_of_address } from './words.js';

const PATIENCE = 10_000;

let node;

async function start_node() {
  return createLibp2p({
    nodeInfo: { userAgent: 'minke-page' },
    transports: [webRTCDirect({ rtcConfiguration: { iceServers: [] } })], // a direct dial needs no STUN server
    services: { identify: identify() },
    // In a page js-libp2p refuses to dial private addresses, 127.0.0.1 among them, unless this says otherwise.
    connectionGater: { denyDialMultiaddr: () => false },
    // It would end a connection whose ping waits behind a large file; our own ping shows whether it lives.
    connectionMonitor: { enabled: false },
  });
}

/** Our peer id, before there is a connection. */
export async function self() {
  node ??= start_node();
  return (await node).peerId.toString();
}

/** Dials. on_step(id, ms) as it goes. Returns { connection, ms, version, agent }, `agent` a promise; throws a Problem. */
export async function dial(address, on_step, signal) {
  const wrong = problem_of_address(address);
  if (wrong != null) throw wrong;
  if (globalThis.RTCPeerConnection == null)
    throw new Problem('This browser has no WebRTC.', 'It may be switched off by a setting or an extension.');
  const setup = watch_setup(on_step);
  const begun = performance.now();
  const failed = new AbortController();
  setup.on_failed = () => failed.abort();
  try {
    const own = await (node ??= start_node());
    const agent = new Promise(resolve => {
      own.addEventListener('peer:identify', event => resolve(event.detail.agentVersion), { once: true });
    });
    const connection = await own.dial(multiaddr(address), {
      signal: AbortSignal.any([signal, failed.signal, AbortSignal.timeout(PATIENCE)]),
    });
    setup.step('noise');
    return { connection, ms: performance.now() - begun, version: setup.version, agent };
  } catch (error) {
    throw signal.aborted ? null : explain_dial(error, setup);
  } finally {
    setup.end();
  }
}
