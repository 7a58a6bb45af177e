// Flows over a link of chosen quality: bench/link/README.md.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { programs, root } from './cases.mjs';
import { go, js } from './libp2p.mjs';
import { start } from './processes.mjs';

const A = '10.55.0.1', B = '10.55.0.2', FLOWS = `${root}bench/link/flows/`, GRACE_S = 40;

let refused;
/** Why there can be no link here; null: there can. */
export function no_link() {
  if (refused !== undefined) return refused;
  try {
    execFileSync(`${programs}link`, ['--rtt', '0', '--after', '0', '--seconds', '5', '--', 'true', '--', 'true'], { stdio: ['ignore', 'ignore', 'pipe'] });
    execFileSync('nsenter', ['--version'], { stdio: 'ignore' });
    refused = null;
  } catch (error) {
    refused = `${error.stderr ?? ''}`.trim().replace(/^link: not run: /, '') || error.message;
  }
  return refused;
}

const is_built = program => existsSync(`${programs}${program}`) ? null : `${program} is not built`;
const minke = control => ({
  listen: ({ port, seconds }) => [`${programs}link-minke`, 'listen', `/ip4/${B}/udp/${port}/webrtc-direct`, `${seconds}`],
  dial: ({ addr }) => [`${programs}link-minke`, 'dial', addr, control],
});
const tcp = control => ({
  listen: ({ port, seconds }) => [`${programs}link-tcp`, 'listen', B, `${port}`, `${seconds}`],
  dial: ({ port }) => [`${programs}link-tcp`, 'dial', B, `${port}`, control],
});
const node = (script, ...args) => [process.execPath, `${FLOWS}${script}`, ...args];

/** What can be sent over a link: `listen` at b and `dial` at a are commands. */
export const KINDS = {
  minke: { title: 'Minke', ...minke('default') },
  'minke-bbr': { title: 'Minke, BBR', not_run: () => control_not_run('bbr'), ...minke('bbr') },
  tcp: { title: 'TCP of the kernel, CUBIC', ...tcp('cubic') },
  'tcp-bbr': { title: 'TCP of the kernel, BBR', not_run: tcp_bbr_not_run, ...tcp('bbr') },
  usrsctp: {
    title: 'usrsctp', not_run: () => is_built('link-usrsctp'),
    listen: ({ port, seconds }) => [`${programs}link-usrsctp`, 'listen', B, `${port}`, `${seconds}`],
    dial: ({ port }) => [`${programs}link-usrsctp`, 'dial', B, `${port}`],
  },
  'node-datachannel': {
    title: 'node-datachannel', not_run: js.not_run,
    listen: ({ folder, seconds }) => node('datachannel.mjs', 'listen', B, `${folder}/signals`, `${seconds}`),
    dial: ({ folder }) => node('datachannel.mjs', 'dial', A, `${folder}/signals`),
  },
  js: {
    title: 'js-libp2p', not_run: js.not_run,
    listen: ({ port, seconds }) => node('js.mjs', 'listen', `/ip4/${B}/udp/${port}/webrtc-direct`, `${seconds}`),
    dial: ({ addr }) => node('js.mjs', 'dial', addr),
  },
  go: {
    title: 'go-libp2p', not_run: go.not_run,
    listen: ({ port }) => [go.listener[0], '--listen', `/ip4/${B}/udp/${port}/webrtc-direct`],
    dial: ({ addr, seconds }) => [go.listener[0], '-bench', 'throughput', '-amount', `${seconds}`, addr],
    sender_measures: true,
  },
};

/** Why a kind cannot run; null: it can. */
export async function kind_not_run(name) {
  const { not_run } = KINDS[name];
  return no_link() ?? (typeof not_run === 'function' ? await not_run() : not_run) ?? null;
}

function control_not_run(control) {
  try {
    execFileSync(`${programs}link-minke`, ['control', control], { stdio: 'ignore' });
    return null;
  } catch {
    return `Minke has no ${control} here`;
  }
}

function tcp_bbr_not_run() {
  try {
    return / bbr\b/.test(` ${execFileSync('cat', ['/proc/sys/net/ipv4/tcp_available_congestion_control'], { encoding: 'utf8' })}`)
      ? null : 'this kernel has no BBR';
  } catch {
    return 'this kernel does not say what it has';
  }
}

/**
 * A link, for as long as `use` takes; that gets a function that starts commands at 'a' and 'b'. Options are those of the
 * program `link`, as in { rtt: 50, loss: 0.01, seed: 7 }. Returns what `use` does, and the link's own report.
 */
export async function with_link(options, limit_s, use) {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const link = start(`${programs}link`, [...args, '--seconds', `${limit_s}`], { limit_s: limit_s + 10 });
  try {
    const entrances = await link.line(line => line.event === 'ready');
    const begin = (place, command) => {
      const [program, ...all] = [...entrances[place], ...command];
      return start(program, all, { limit_s });
    };
    const result = await use(begin);
    await link.end();
    return { result, report: await link.done };
  } finally {
    await link.end();
  }
}

/** What a sender says that measures by itself, as a receiver would; it knows of no bins. */
function as_received({ bytes, gbit_s }) {
  return { bytes, seconds: bytes * 8 / gbit_s / 1e9, begun_s: NaN, longest_gap_ms: null, bin_ms: 100, bin_bytes: [], sender: null };
}

/** One flow from a to b: what the receiver says, with the sender's last word in `sender`. */
async function flow(begin, kind, port, seconds) {
  const folder = mkdtempSync(`${tmpdir()}/minke-link-`);
  const { listen, dial, sender_measures } = KINDS[kind];
  const receiver = begin('b', listen({ port, seconds, folder }));
  let sender;
  try {
    const { addr } = await receiver.line(line => line.addr != null);
    sender = begin('a', dial({ port, folder, addr, seconds }));
    if (sender_measures) return as_received(await sender.done);
    sender.done.catch(() => {}); // it ends as the receiver does, in one way or another
    const received = await receiver.line(line => line.event === 'received');
    const sent = sender.line(line => line.event === 'sent').catch(() => null);
    const patience = new Promise(resolve => setTimeout(resolve, 1000, null).unref());
    return { ...received, sender: await Promise.race([sent, patience]) };
  } finally {
    await Promise.all([receiver.end(), sender?.end()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Flows that share a link, each { kind, after_s, seconds }: in the order of the list, what each receiver says, and the
 * link's report.
 */
export async function flows_over(options, flows) {
  const last_s = Math.max(...flows.map(({ after_s = 0, seconds }) => after_s + seconds));
  const { result, report } = await with_link(options, last_s + GRACE_S, begin => Promise.all(flows.map(async ({ kind, after_s = 0, seconds }, i) => {
    await new Promise(resolve => setTimeout(resolve, after_s * 1000));
    return flow(begin, kind, 4001 + i, seconds);
  })));
  return { received: result, report };
}

const sum = values => values.reduce((a, b) => a + b, 0);
const mbit_s = (bytes, seconds) => bytes * 8 / seconds / 1e6;

/** Bins of a link's direction, or of a flow, between two moments on the common clock. */
function bins_between({ begun_s, bin_ms }, bins, from_s, to_s) {
  const at = moment => Math.max(0, Math.round((moment - begun_s) * 1000 / bin_ms));
  return bins.slice(at(from_s), at(to_s));
}

/** Mbit/s of a flow between two moments on the common clock. */
export const rate_between = (received, from_s, to_s) => mbit_s(sum(bins_between(received, received.bin_bytes, from_s, to_s)), to_s - from_s);

/** Mbit/s in steps of half a second, for plots. */
export function rates_over_time({ bin_bytes, bin_ms }) {
  const step = 500 / bin_ms;
  return Array.from({ length: Math.floor(bin_bytes.length / step) }, (_, i) =>
    Math.round(mbit_s(sum(bin_bytes.slice(i * step, (i + 1) * step)), 0.5) * 10) / 10);
}

/** One flow alone on a link, as figures. */
export async function measure(options, kind, seconds) {
  const { received: [flow_], report } = await flows_over(options, [{ kind, seconds }]);
  const { forth } = report, capacity = forth.rate_bytes * 8 / 1e6;
  const from = flow_.begun_s, middle = from + seconds / 2, to = from + seconds;
  const of_link = (name, begin) => bins_between({ begun_s: report.begun_s, bin_ms: forth.bin_ms }, forth[name], begin, to);
  const queue = of_link('bin_queue_mean', middle);
  // What was lost behind the bottleneck has gone through it: it counts as use in proportion.
  const used = begin => mbit_s(sum(of_link('bin_bytes', begin)), to - begin) / capacity;
  return {
    mbit_s: mbit_s(flow_.bytes, flow_.seconds), late_mbit_s: rate_between(flow_, middle, to),
    share: mbit_s(flow_.bytes, flow_.seconds) / capacity, late_share: rate_between(flow_, middle, to) / capacity,
    used: used(from), late_used: used(middle),
    queue_ms: sum(queue) / Math.max(1, queue.length) / forth.rate_bytes * 1000,
    gap_ms: flow_.longest_gap_ms, gaps_over_200_ms: flow_.gaps_over_200_ms,
    overflowed: forth.dropped.queue, lost: forth.dropped.loss, retransmitted: flow_.sender?.retransmitted ?? null,
    duplicates: flow_.duplicates ?? null, timeouts: flow_.sender?.timeouts ?? null, rto_ms: flow_.sender?.rto_ms ?? null,
    over_time: rates_over_time(flow_), link_late_us: forth.late_us.mean,
    // Not the link's doing: these must be 0, or the machine was too busy.
    astray: forth.dropped.ring + forth.dropped.device + forth.dropped.refused, too_slow: forth.dropped.receiver,
  };
}
