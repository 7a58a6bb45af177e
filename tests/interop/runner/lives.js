// Peers that die, freeze and come back. Each cell has a listener and a dialer of its own; the dialer holds a stream on
// which something is sent all the time. They wait more than they work, so many run at once beside everything else.
import { rmSync } from 'node:fs';
import { go_peer } from './go.js';
import { start_listener } from './listener.js';
import { LineProcess, say_exit } from './processes.js';
import { here, root } from './options.js';
import { sleep } from '../peers/bytes.js';

const NOTICED_MS = 35_000;
const FROZEN_MS = 20_000;
const LANES = 12;

export const dialer_program = `${root}build/tests/interop-dialer`;

function hold_command(dialer, address, version) {
  if (dialer === 'minke') return [dialer_program, [`${version}`, address, 'hold']];
  if (dialer === 'go') return [go_peer(), ['-hold', '-direct-version', `${version}`, address]];
  return [process.execPath, [`${here}peers/hold.js`, address]];
}

async function start_hold(scene, address, name) {
  const [command, args] = hold_command(scene.dialer, address, scene.version);
  const hold = new LineProcess(command, args, `${scene.log}.${name}.log`);
  scene.processes.push(hold);
  const line = await hold.find(each => each.event === 'holding', 20_000);
  const complaint = hold.lines.find(each => each.event === 'cell')?.facts ?? say_exit(hold.ended ?? {});
  if (line == null) throw new Error(`the dialer does not hold a stream: ${complaint}`);
  hold.peer = line.peer;
  return hold;
}

async function listen(scene, name, at = scene.listen) {
  const key = scene.listener === 'minke' ? `${scene.log}.key` : null;
  const options = { ...scene.options, listener: scene.listener, key };
  const listener = await start_listener(options, { listen: at }, `${scene.log}.${name}.log`);
  scene.processes.push(listener);
  return listener;
}

const end_of = (scene, listener, hold, within) => scene.dialer === 'minke'
  ? hold.find(line => line.event === 'disconnected', within)
  : listener.find(line => line.event === 'disconnected' && line.peer === hold.peer, within);

/** Minke, on whichever side, says with layer and reason that it has lost the other. */
async function must_notice(scene, listener, hold, since) {
  const line = await end_of(scene, listener, hold, NOTICED_MS - (Date.now() - since));
  if (line == null) throw new Error(`not noticed within ${NOTICED_MS / 1000} s`);
  if (!line.layer || !line.reason) throw new Error(`without layer or reason: ${JSON.stringify(line)}`);
  return `${line.layer}: ${line.reason}, after ${((Date.now() - since) / 1000).toFixed(1)} s`;
}

async function killed(scene) {
  const listener = await listen(scene, 'listener');
  const hold = await start_hold(scene, listener.address, 'dialer');
  await sleep(1000);
  const since = Date.now();
  (scene.dialer === 'minke' ? listener : hold).child.kill('SIGKILL');
  return must_notice(scene, listener, hold, since);
}

/** Stops one side for 20 s. Everything sent meanwhile must come through; or the other side gave up by its own rules,
 * and then Minke must say so. */
async function freeze(scene, which) {
  const listener = await listen(scene, 'listener');
  const hold = await start_hold(scene, listener.address, 'dialer');
  await sleep(1000);
  const frozen = (which === 'minke') === (scene.dialer === 'minke') ? hold : listener;
  frozen.child.kill('SIGSTOP');
  await sleep(FROZEN_MS);
  frozen.child.kill('SIGCONT');
  await sleep(3000);
  hold.child.kill('SIGTERM');
  const line = await hold.find(each => ['held', 'disconnected', 'cell'].includes(each.event), 30_000);
  if (line?.event === 'held' && line.ok) return `${line.received} bytes there and back, nothing lost`;
  const by_remote = await end_of(scene, listener, hold, 5000);
  if (by_remote?.by_remote) return `the remote gave up: ${by_remote.layer}: ${by_remote.reason}`;
  throw new Error(`did not survive: ${JSON.stringify(line)} ${JSON.stringify(by_remote)}`);
}

/** The listener dies and is there again on the same port at once. */
async function restarted(scene) {
  const first = await listen(scene, 'listener');
  const old = await start_hold(scene, first.address, 'dialer');
  await sleep(1000);
  const since = Date.now();
  first.child.kill('SIGKILL');
  await first.exit;
  const second = await listen(scene, 'listener-again', first.address.split('/certhash/')[0]);
  if (scene.listener === 'minke' && second.address !== first.address) throw new Error(`other address: ${second.address}`);
  const again = await start_hold(scene, second.address, 'dialer-again');
  const took = Date.now() - since;
  again.child.kill('SIGTERM');
  const held = await again.find(each => each.event === 'held', 15_000);
  if (!held?.ok) throw new Error(`the new connection does not work: ${JSON.stringify(held)}`);
  const facts = `dialled again ${(took / 1000).toFixed(1)} s after the kill`;
  return scene.dialer === 'minke' ? `${facts}; the old one: ${await must_notice(scene, first, old, since)}` : facts;
}

function silence_command({ dialer, version }, address) {
  if (dialer === 'minke') return [dialer_program, [`${version}`, address, 'silence']];
  if (dialer === 'go') return [go_peer(), ['-direct-version', `${version}`, '-cells', 'silence', address]];
  const job = { address, cells: ['silence'], version, user_agent: 'js silence' };
  return [process.execPath, [`${here}peers/node_peer.js`, JSON.stringify(job)]];
}

async function silence(scene) {
  const listener = await listen(scene, 'listener');
  const [command, args] = silence_command(scene, listener.address);
  const dialer = new LineProcess(command, args, `${scene.log}.dialer.log`);
  scene.processes.push(dialer);
  const line = await dialer.find(each => each.event === 'cell' && each.cell === 'silence', 70_000);
  if (!line?.ok) throw new Error(line?.facts ?? 'the dialer said nothing');
  return line.facts;
}

const LIFE = {
  killed,
  frozen: scene => freeze(scene, 'remote'),
  'frozen-here': scene => freeze(scene, 'minke'),
  restarted,
};
export const LIVES = Object.keys(LIFE);
LIFE.silence = silence;

export const is_life = (peer, cell) => LIVES.includes(cell) || (cell === 'silence' && peer.kind !== 'chromium');

/** A cell; `peer.kind` 'minke' is Minke as the dialer. */
async function run_life(options, peer, cell, logs) {
  const minke_dials = peer.kind === 'minke';
  const scene = {
    options: { ...options, verbose: false },
    dialer: minke_dials ? 'minke' : peer.family,
    listener: peer.listener ?? (options.self_test ? 'js' : 'minke'),
    version: peer.version ?? 1,
    listen: peer.listen,
    log: `${logs}${peer.id}.${cell}`,
    processes: [],
  };
  try {
    rmSync(`${scene.log}.key`, { force: true });
    return await LIFE[cell](scene);
  } finally {
    for (const each of scene.processes) each.child.kill('SIGKILL');
  }
}

/** The cells of all peers. They are many, and starting them all at once would make each wait for its processes. */
export async function run_lives(options, peers, logs, record) {
  // The harness tests itself without Minke: then only what a js listener can show.
  const wanted = (peer, name) => is_life(peer, name) && (!options.self_test || name === 'silence');
  const work = peers.flatMap(peer => peer.cells.filter(name => wanted(peer, name)).map(cell => [peer, cell]));
  const lane = async () => {
    for (let next; (next = work.shift()) != null;) {
      const [peer, cell] = next;
      const begun = Date.now();
      try {
        record(peer, cell, 'pass', await run_life(options, peer, cell, logs), Date.now() - begun);
      } catch (error) {
        record(peer, cell, 'fail', error.message, Date.now() - begun);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
