// The other way round: Minke dials a listener. The cells of the table run in a program of their own, the rest shows
// `minke dial` and its sisters.
import { createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { dialer_program, is_life } from './lives.js';
import { LineProcess, say_exit } from './processes.js';

export const DIALS = ['minke-dial', 'by-name', 'minke-ping', 'minke-id', 'minke-cat', 'wrong-certhash', 'wrong-peer-id',
  'nobody-there'];

const MIB = 1024 * 1024;
const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');

/** Runs a command to its end: its lines, its result line, its exit. */
export async function run_minke(options, log_path, args) {
  const child = new LineProcess(options.minke, [...args, '--json'], log_path);
  const limit = setTimeout(() => child.stop(), 60_000);
  const exit = await child.exit;
  clearTimeout(limit);
  return { exit, lines: child.lines, result: child.lines.find(line => line.event === 'result') };
}

function must_succeed({ exit, result }) {
  if (exit.code !== 0 || !result?.ok) throw new Error(`${say_exit(exit)}, ${JSON.stringify(result ?? null)}`);
  return result;
}

function must_fail_in(layer, { exit, result }) {
  if (exit.code !== 1 || result?.ok !== false || result.layer !== layer)
    throw new Error(`wanted exit code 1 and layer ${layer}: ${say_exit(exit)}, ${JSON.stringify(result ?? null)}`);
  return result.error;
}

/** All of the bytes through `minke cat`, and back. */
function echo_through_cat(options, address, bytes) {
  return new Promise((resolve, reject) => {
    const child = spawn(options.minke, ['cat', address, '/echo/1.0.0'], { stdio: ['pipe', 'pipe', 'ignore'] });
    const parts = [];
    const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
    child.stdout.on('data', part => parts.push(part));
    child.on('error', reject);
    child.on('close', code => {
      clearTimeout(limit);
      if (code === 0) resolve(Buffer.concat(parts));
      else reject(new Error(`minke cat ended with ${code}`));
    });
    child.stdin.end(bytes);
  });
}

/** An address that differs in one component. */
function with_other(address, name, value) {
  const parts = address.split('/');
  parts[parts.indexOf(name) + 1] = value;
  return parts.join('/');
}

const path_of = address => address.includes('/p2p-circuit/webrtc/') ? 'private' : address.includes('/p2p-circuit/') ? 'relayed' : address.includes('/udp/') ? 'direct'
  : address.includes('/ws/') ? 'ws' : 'tcp';

/** What the command line can do over a relay. */
export async function commands_over(options, address, log_path) {
  const dials = dials_of(options, address, log_path);
  for (const name of ['minke-dial', 'minke-ping', 'minke-id']) await dials[name]();
  const bytes = randomBytes(20 * 1024);
  const back = await echo_through_cat(options, address, bytes);
  if (sha256(back) !== sha256(bytes)) throw new Error(`other bytes came back through minke cat, ${back.length} of them`);
  return 'minke dial, ping, id, cat';
}

export function dials_of(options, address, log_path) {
  const minke = (...args) => run_minke(options, log_path, args);
  const other_hash = `u${Buffer.concat([Buffer.from([0x12, 0x20]), Buffer.alloc(32, 7)]).toString('base64url')}`;
  return {
    'minke-dial': async () => {
      const { setup_ms, path } = must_succeed(await minke('dial', address));
      if (path !== path_of(address)) throw new Error(`the path is said to be ${path}`);
      return `${path}, set up in ${setup_ms.toFixed(0)} ms`;
    },
    'by-name': async () => {
      const { path } = must_succeed(await minke('dial', address.replace('/ip4/127.0.0.1/', '/dns4/localhost/')));
      return `${path} to localhost`;
    },
    'minke-ping': async () =>
      `median ${must_succeed(await minke('ping', '-c', '20', '-i', '0', address)).median_ms.toFixed(1)} ms`,
    'minke-id': async () => {
      const { agent, protocols } = must_succeed(await minke('id', address));
      if (!protocols.includes('/ipfs/ping/1.0.0')) throw new Error(`no ping among ${protocols}`);
      return `${agent}, ${protocols.length} protocols`;
    },
    'minke-cat': async () => {
      const bytes = randomBytes(8 * MIB);
      const back = await echo_through_cat(options, address, bytes);
      if (sha256(back) !== sha256(bytes)) throw new Error(`other bytes came back, ${back.length} of them`);
      return '8 MiB through minke cat';
    },
    'perf-up': async () => {
      const result = must_succeed(await minke('perf', '--upload', '16M', '--download', '0', address));
      return `${(result.upload_bytes / 1e6 / result.upload_s).toFixed(1)} MB/s for 16 MiB`;
    },
    'perf-down': async () => {
      const result = must_succeed(await minke('perf', '--upload', '0', '--download', '16M', address));
      return `${(result.download_bytes / 1e6 / result.download_s).toFixed(1)} MB/s for 16 MiB`;
    },
    'wrong-certhash': async () => must_fail_in('dtls', await minke('dial', with_other(address, 'certhash', other_hash))),
    'wrong-peer-id': async () => must_fail_in('noise', await minke('dial',
      with_other(address, 'p2p', '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'))),
    'nobody-there': async () => address.includes('/udp/')
      ? must_fail_in('ice', await minke('dial', '--timeout', '2', with_other(address, 'udp', '9')))
      : must_fail_in('network', await minke('dial', '--timeout', '2', with_other(address, 'tcp', '9'))),
  };
}

/** The cells of tests/interop/dialer/cells.c, on one connection. */
async function run_dialer(peer, address, cells, log_path, report) {
  const child = new LineProcess(dialer_program, [`${peer.version ?? 1}`, address, ...cells], log_path);
  child.each(report);
  const done = await child.find(line => line.event === 'done', 240_000);
  const exit = await child.stop();
  if (done == null) throw new Error(`the dialer ended early: ${say_exit(exit)}`);
}

/** As the listener tells it. */
export async function identify_answer(peer, listener, record) {
  if (!peer.cells.includes('identify-answer')) return;
  const line = await listener.find(each => each.event === 'identified' && each.peer === peer.dialled, 10_000);
  if (line != null) record(peer, 'identify-answer', 'pass', `it read: ${line.agent}`);
  else record(peer, 'identify-answer', 'fail', 'the listener did not read our identify within 10 s');
}

export async function minke_dials(options, peer, listener, logs, record, report) {
  const address = listener.address;
  const log_path = name => `${logs}${peer.id}.${name}.log`;
  const attempt = async (cell, run) => {
    const begun = Date.now();
    try {
      record(peer, cell, 'pass', await run(), Date.now() - begun);
    } catch (error) {
      record(peer, cell, 'fail', error.message, Date.now() - begun);
    }
  };
  await run_dialer(peer, address, peer.cells.filter(name => !is_life(peer, name)), log_path('dialer'), report);
  await identify_answer(peer, listener, record);
  const dials = dials_of(options, address, log_path('minke'));
  for (const cell of peer.cells.filter(name => dials[name] != null)) await attempt(cell, dials[cell]);
}
