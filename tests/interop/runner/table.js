// What the runner prints: a line per result as it comes, the table at the end.
import { cell_order } from './plan.js';

const begun = Date.now();
const seconds = ms => `${(ms / 1000).toFixed(1)} s`;

export function print_result(peer, result) {
  const at = `${((Date.now() - begun) / 1000).toFixed(0)}`.padStart(4);
  const took = result.ms == null ? '' : seconds(result.ms);
  const columns = [peer.id.padEnd(18), result.cell.padEnd(20), result.state.padEnd(7), took.padStart(8)];
  console.log(`${at} s  ${columns.join(' ')}  ${result.facts ?? ''}`);
}

function entry(result) {
  if (result == null) return '-';
  if (result.state === 'pass' && result.ms != null) return seconds(result.ms);
  return result.state;
}

const TITLES = {
  peers: 'WebRTC: who dials whom',
  bytes: 'TCP and WebSocket: who dials whom',
  relays: 'Through relays: the relay and the way to it; who dials, and to whom',
  private: 'Directly, by the help of a relay: the relay and the way to it; who dials, and to whom',
  states: 'What relays refuse and end',
};

export function print_table(peers) {
  for (const [group, title] of Object.entries(TITLES)) {
    const of_group = peers.filter(peer => (peer.group ?? 'peers') === group);
    if (of_group.length > 0) print_group(title, of_group);
  }
  console.log('\n(a time is a pass)');
  print_lists(peers);
}

function print_group(title, peers) {
  const rows = cell_order().filter(cell => peers.some(peer => peer.results.has(cell)));
  const width = Math.max(...rows.map(row => row.length)) + 2;
  const widths = peers.map(peer => Math.max(peer.id.length, 8) + 2);
  console.log(`\n${title}\n\n${''.padEnd(width)}${peers.map((peer, i) => peer.id.padStart(widths[i])).join('')}`);
  for (const row of rows) {
    const entries = peers.map((peer, i) => entry(peer.results.get(row)).padStart(widths[i]));
    console.log(`${row.padEnd(width)}${entries.join('')}`);
  }
}

function print_lists(peers) {
  for (const state of ['not-run', 'fail']) {
    const lines = peers.flatMap(peer => [...peer.results.values()].filter(result => result.state === state)
      .map(result => ({ who: peer.id, cell: result.cell, why: result.facts })));
    if (lines.length === 0) continue;
    console.log(`\n${state}:`);
    for (const [why, group] of group_by(lines)) {
      const [who, reason] = why.split('\n');
      console.log(`  ${who} ${group.map(line => line.cell).join(', ')}: ${reason}`);
    }
  }
}

function group_by(lines) {
  const groups = new Map();
  for (const line of lines) {
    const key = `${line.who}\n${line.why}`;
    groups.set(key, [...(groups.get(key) ?? []), line]);
  }
  return groups;
}
