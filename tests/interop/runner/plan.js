// Which peers run which cells. A peer is one dialer set up one way, with a listener process of its own; kind 'minke' is the other way
// round, Minke dials the peer.
import '../peers/polyfill.js';
import { cells } from '../peers/cells.js';
import { DIALS } from './minke_dials.js';
import { is_life, LIVES } from './lives.js';

const LOSSY = ['lossy-echo-8MiB', 'lossy-streams-2000'];
const PLAIN = cells.map(cell => cell.name).filter(name => !LOSSY.includes(name));
const FEW = ['ping', 'identify-read', 'identify-answer', 'echo-sizes', 'echo-8MiB', 'half-close-here'];

// Cells that the runner itself judges: by the job, by the field trial, by what the listener prints and how it ends.
const FIRST = ['dial', 'munging-refused'];
const LAST = ['connected-line', 'disconnected-line', 'clean-exit'];
const AROUND = ['dial', ...LAST];

const IP4 = '/ip4/127.0.0.1/udp/0/webrtc-direct';
const IP6 = '/ip6/::1/udp/0/webrtc-direct';
const NO_MUNGING = 'WebRTC-NoSdpMangleUfrag/Enabled/';
// 50 ms round trip, 3 % lost in each direction. Spared is what a peer sends after a silence of a second: Chromium
// stalls by itself for more than 3 s when it loses the same packet three times (see tests/shim/udp_shim.c).
const PATH = { delay: 25, loss: 3, 'spare-after': 1000 };
// A FIN may have to wait for megabytes to get through first.
const SLOW = { longest_gap: 3000, finish_patience: 120_000 };

/** `background` peers wait more than they work and run beside everything else; `extra` ones only with --all. */
export function plan({ all, lanes, require }) {
  const node = { family: 'js', kind: 'node', listen: IP4 };
  const chromium_v1 = { family: 'chromium', kind: 'chromium', version: 1, listen: IP4 };
  const chromium_v2 = { ...chromium_v1, version: 2, trials: NO_MUNGING };
  // Building go-libp2p takes minutes, so it runs when it is asked for.
  const go = { family: 'go', kind: 'go', listen: IP4, extra: true, cells: [...AROUND, ...PLAIN] };
  const minke = { kind: 'minke', listen: IP4, cells: ['dial', ...PLAIN, ...DIALS] };
  const own = { ...minke, family: 'minke', listener: 'minke', cells: [...minke.cells, ...LAST] };
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
  ];
  const asked_for = peer => require.includes(peer.family);
  return peers.map(peer => ({ params: {}, ...peer, chosen: all || !peer.extra || (peer.family === 'go' && asked_for(peer)) }));
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
  return [...new Set([...FIRST, ...cells.map(cell => cell.name), ...DIALS, ...LAST, ...LIVES])];
}

export const cell_budget = name => cells.find(cell => cell.name === name)?.budget ?? 0;
