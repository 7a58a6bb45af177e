// Minke with itself, by the programs of bench/programs/.
import { programs } from './cases.mjs';
import { cpu_of, run, start, with_server } from './processes.mjs';

const ADDRESS = '/ip4/127.0.0.1/udp/0/webrtc-direct';

/** One connection, the listener on core 1, the dialer on core 0: { gbit_s, sender_cpu, receiver_cpu, ... }. */
export const flow = (seconds, more = [], of_listener = []) =>
  with_server(`${programs}minke-flow`, ['--listen', ADDRESS, ...of_listener], { core: 1 }, addr =>
    run(`${programs}minke-flow`, ['--seconds', `${seconds}`, ...more, addr], { core: 0 }));

/** { rtt_us } of 64 bytes, the median of so many. */
export const echo = count =>
  with_server(`${programs}minke-echo`, ['--listen', ADDRESS], { core: 1 }, addr =>
    run(`${programs}minke-echo`, ['--count', `${count}`, addr], { core: 0 }));

/** Complete set-ups, so many, some at once: { setup_ms, per_cpu_s (of the listener), per_s, client_busy }. */
export const setups = (count, more = []) =>
  with_server(`${programs}minke-setups`, ['--listen', ADDRESS, ...more], { core: 1 }, async (addr, listener) => {
    const dialer = start(`${programs}minke-setups`, ['--count', `${count}`, ...more, addr], { core: 0 });
    try {
      await dialer.line(line => line.mark === 'begin');
      const before = cpu_of(listener.pid);
      await dialer.line(line => line.mark === 'end');
      const used = cpu_of(listener.pid) - before;
      const { setup_ms, seconds, client_cpu_s } = await dialer.done;
      return { setup_ms, per_cpu_s: count / used, per_s: count / seconds, server_busy: used / seconds, client_busy: client_cpu_s / seconds };
    } finally {
      await dialer.end();
    }
  });
