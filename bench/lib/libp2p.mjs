// js-libp2p and go-libp2p, each with itself: a listener on core 1, a dialer on core 0 that does one of the jobs of
// bench/peers/js_dialer.mjs. Both are the peers of the interop table.
import { existsSync } from 'node:fs';
import { root } from './cases.mjs';
import { cpu_of, resident_of, start, with_server } from './processes.mjs';

const LISTEN = ['--listen', '/ip4/127.0.0.1/udp/0/webrtc-direct'];
const go_program = `${root}build/go_peer`;

export const js = {
  name: 'js',
  title: 'js-libp2p',
  not_run: () => existsSync(`${root}tests/interop/node_modules/libp2p`) ? null : 'its packages are not installed',
  listener: [process.execPath, [`${root}tests/interop/peers/js_listener.js`, 'listen', '--json', ...LISTEN]],
  dialer: (job, amount, addr) => [process.execPath, [`${root}bench/peers/js_dialer.mjs`, job, `${amount}`, addr]],
};

export const go = {
  name: 'go',
  title: 'go-libp2p',
  not_run: () => existsSync(go_program) ? null : 'no Go here, or it could not be built',
  listener: [go_program, LISTEN],
  dialer: (job, amount, addr) => [go_program, ['-bench', job, '-amount', `${amount}`, addr]],
};

/** Does a job. `measured` gets the listener's pid when it begins and when it is over; what both times give goes with the figures. */
async function do_job(peer, job, amount, measured) {
  const [command, args] = peer.listener;
  return with_server(command, args, { core: 1, limit_s: 90 }, async (addr, listener) => {
    const [program, all] = peer.dialer(job, amount, addr);
    const dialer = start(program, all, { core: 0, limit_s: 60 });
    try {
      await dialer.line(line => line.mark === 'begin');
      const before = measured(listener.pid);
      await dialer.line(line => line.mark === 'end');
      const after = measured(listener.pid);
      return { ...await dialer.done, used: after - before };
    } finally {
      await dialer.end();
    }
  });
}

/** { gbit_s, sender_cpu, receiver_cpu } of an upload that takes so long. */
export async function throughput(peer, seconds) {
  const { bytes, gbit_s, sender_cpu, used } = await do_job(peer, 'throughput', seconds, cpu_of);
  return { gbit_s, sender_cpu, receiver_cpu: used / (bytes / 1e9) };
}

/** { setup_ms, per_cpu_s }: the median of a set-up; how many a second of the listener's processor time. */
export async function setups(peer, count) {
  const { setup_ms, used } = await do_job(peer, 'setups', count, cpu_of);
  return { setup_ms, per_cpu_s: count / used };
}

/** { rtt_us }: the median of so many. */
export async function latency(peer, count) {
  const [command, args] = peer.listener;
  return with_server(command, args, { core: 1, limit_s: 90 }, async addr => {
    const [program, all] = peer.dialer('latency', count, addr);
    return start(program, all, { core: 0, limit_s: 60 }).done;
  });
}

/** { bytes }: resident memory that each of so many idle connections costs the listener. */
export async function idle(peer, count, settle_ms) {
  const [command, args] = peer.listener;
  return with_server(command, args, { limit_s: 120 }, async (addr, listener) => {
    const [program, all] = peer.dialer('idle', count, addr);
    const before = resident_of(listener.pid);
    const dialer = start(program, all, { limit_s: 90 });
    try {
      await dialer.line(line => line.mark === 'end');
      await new Promise(resolve => setTimeout(resolve, settle_ms));
      return { bytes: (resident_of(listener.pid) - before) / count };
    } finally {
      await dialer.end();
    }
  });
}
