// Which peers run which cells. A peer is one dialer set up one way, with a listener process of its own; kind 'minke' is the other way
// round, Minke dials the peer.
import '../peers/polyfill.js';
import { cells } from '../peers/cells.js';
import { DIALS } from './minke_dials.js';
import { is_life, LIVES } from './lives.js';
import { PRIVATE_CELLS, private_columns } from './private.js';
import { PAIRS, relay_columns } from './relays.js';
import { STATE_NAMES, state_columns } from './relay_states.js';

const LOSSY = ['lossy-echo-8MiB', 'lossy-streams-2000'];
const PLAIN = cells.map(cell => cell.name).filter(name => ![...LOSSY, 'echo-64MiB'].includes(name));
// On a byte connection, yamux in Noise. yamux cannot tell the remote to stop: what a stopped stream sends is thrown away.
const BYTES = cells.map(cell => cell.name).filter(name => ![...LOSSY, 'stop-here', 'stop-there'].includes(name));
const FEW = ['ping', 'identify-read', 'identify-answer', 'echo-sizes', 'echo-8MiB', 'half-close-here'];

// Cells that the runner itself judges: by the job, by the field trial, by what the listener prints and how it ends.
const FIRST = ['dial', 'munging-refused'];
const LAST = ['connected-line', 'disconnected-line', 'clean-exit'];
const AROUND = ['dial', ...LAST];

const IP4 = '/ip4/127.0.0.1/udp/0/webrtc-direct';
const IP6 = '/ip6/::1/udp/0/webrtc-direct';
const TCP = '/ip4/127.0.0.1/tcp/0';
const WS = '/ip4/127.0.0.1/tcp/0/ws';
const NO_MUNGING = 'WebRTC-NoSdpMangleUfrag/Enabled/';
// 50 ms round trip, 3 % lost in each direction. Spared is what a peer sends after a silence of a second: Chromium
// stalls by itself for more than 3 s when it loses the same packet three times (see tests/shim/udp_shim.c).
const PATH = { delay: 25, loss: 3, 'spare-after': 1000 };
// A FIN may have to wait for megabytes to get through first.
const SLOW = { longest_gap: 3000, finish_patience: 120_000 };

/** Peers of the byte connections: the same cells over TCP and over WebSocket. */
function byte_peers({ node, chromium, go, minke, own }) {
  const bytes = [...AROUND, ...BYTES];
  const dials = ['dial', ...BYTES, ...DIALS.filter(name => name !== 'wrong-certhash')];
  const brief = list => list.filter(name => name !== 'silence'); // a WebSocket is as quiet as the TCP below it
  return [
    { id: 'js-tcp', ...node, listen: TCP, cells: [...bytes, ...LIVES] },
    { id: 'js-ws', ...node, listen: WS, cells: brief(bytes) },
    { id: 'chromium-ws', ...chromium, listen: WS, cells: bytes },
    { id: 'go-tcp', ...go, listen: TCP, cells: bytes },
    { id: 'go-ws', ...go, listen: WS, cells: brief(bytes) },
    { id: 'to-js-tcp', ...minke, family: 'js', listener: 'js', listen: TCP, cells: [...dials, ...LIVES] },
    { id: 'to-js-ws', ...minke, family: 'js', listener: 'js', listen: WS, cells: brief(dials) },
    { id: 'to-go-tcp', ...minke, family: 'go', listener: 'go', listen: TCP, extra: true, cells: dials },
    { id: 'to-go-ws', ...minke, family: 'go', listener: 'go', listen: WS, extra: true, cells: brief(dials) },
    { id: 'minke-tcp', ...own, listen: TCP, cells: [...dials, ...LAST, ...LIVES] },
    { id: 'minke-ws', ...own, listen: WS, cells: [...brief(dials), ...LAST] },
  ].map(peer => ({ ...peer, group: 'bytes' }));
}

/** The js and the go peer with each other, in --self-test. */
function foreign_peers({ node, go }) {
  return [
    { id: 'js-to-go-tcp', ...node, listener: 'go', listen: TCP, cells: [...AROUND, ...BYTES] },
    { id: 'js-to-go-ws', ...node, listener: 'go', listen: WS, cells: [...AROUND, ...BYTES] },
    { id: 'go-to-go-tcp', ...go, listener: 'go', listen: TCP, cells: [...AROUND, ...BYTES] },
  ].map(peer => ({ ...peer, family: 'go', extra: true, group: 'bytes' }));
}

/** `background` peers wait more than they work and run beside everything else; `extra` ones only with --all. */
export function plan(options) {
  const { all, lanes, require, self_test } = options;
  const node = { family: 'js', kind: 'node', listen: IP4 };
  const chromium_v1 = { family: 'chromium', kind: 'chromium', version: 1, listen: IP4 };
  const chromium_v2 = { ...chromium_v1, version: 2, trials: NO_MUNGING };
  // Building go-libp2p takes minutes, so it runs when it is asked for.
  // pion never uses a channel's id again, and a js listener has 1024: 512 are for the dialer.
  const many = name => self_test && name === 'streams-2000';
  const go = { family: 'go', kind: 'go', listen: IP4, extra: true, cells: [...AROUND, ...PLAIN.filter(name => !many(name))] };
  const minke = { kind: 'minke', listen: IP4, cells: ['dial', ...PLAIN, ...DIALS.filter(name => name !== 'by-name')] };
  const own = { ...minke, family: 'minke', listener: 'minke', cells: [...minke.cells, ...LAST] };
  const chromium_ws = { family: 'chromium', kind: 'chromium' };
  const lossy = { path: PATH, background: true, cells: [...LOSSY, 'clean-exit'], params: { ...SLOW, lanes } };
  const peers = [
    { id: 'js-lossy', ...node, ...lossy },
    { id: 'chromium-v2-lossy', ...chromium_v2, ...lossy },
    { id: 'chromium-v1-lossy', ...chromium_v1, ...lossy, extra: true },
    { id: 'js', ...node, cells: [...AROUND, ...PLAIN, ...LIVES] },
    { id: 'js-ip6', ...node, listen: IP6, cells: [...AROUND, ...(all ? PLAIN : FEW)] },
    { id: 'chromium-v1', ...chromium_v1, cells: [...AROUND, ...PLAIN] },
    { id: 'chromium-v2', ...chromium_v2, cells: ['munging-refused', ...AROUND, ...PLAIN] },
    { id: 'to-js', ...minke, family: 'js', listener: 'js', cells: [...minke.cells, ...LIVES] },
    { id: 'minke-ip4', ...own, cells: [...own.cells, ...LIVES] },
    { id: 'minke-ip6', ...own, listen: IP6, version: 2 },
    { id: 'go-v1', ...go, version: 1, cells: [...go.cells, ...LIVES] },
    { id: 'go-v2', ...go, version: 2 },
    { id: 'to-go-v1', ...minke, family: 'go', listener: 'go', extra: true, cells: [...minke.cells, ...LIVES] },
    { id: 'to-go-v2', ...minke, family: 'go', listener: 'go', extra: true, version: 2 },
    ...byte_peers({ node, chromium: chromium_ws, go, minke, own }),
    ...(self_test ? foreign_peers({ node, go }) : []),
    ...relay_columns(options),
    ...private_columns(options),
    ...state_columns(options),
  ];
  const asked_for = peer => require.includes(peer.family);
  const chosen = peer => all || !peer.extra || (peer.family === 'go' && asked_for(peer));
  return peers.filter(peer => !self_test || peer.kind !== 'minke').map(peer => ({ params: {}, ...peer, chosen: chosen(peer) }));
}

/** Narrows the plan to --only PEER[:CELL,CELL]. */
export function narrow(peers, only) {
  if (only.length === 0) return peers.filter(peer => peer.chosen);
  return only.map(word => {
    const [id, names] = word.split(':');
    const peer = peers.find(each => each.id === id);
    if (peer == null) throw new Error(`--only ${id}: there are ${peers.map(each => each.id).join(', ')}`);
    if (names == null) return peer;
    const wanted = names.split(',');
    for (const name of wanted)
      if (!peer.cells.includes(name)) throw new Error(`--only ${word}: ${id} has ${peer.cells.join(', ')}`);
    const dials = wanted.some(name => !is_life(peer, name));
    return { ...peer, cells: peer.cells.filter(name => (name === 'dial' && dials) || wanted.includes(name)) };
  });
}

export function cell_order() {
  return [...new Set([...FIRST, ...cells.map(cell => cell.name), ...DIALS, ...LAST, ...LIVES, ...PAIRS, ...PRIVATE_CELLS, ...STATE_NAMES])];
}

export const cell_budget = name => cells.find(cell => cell.name === name)?.budget ?? 0;
