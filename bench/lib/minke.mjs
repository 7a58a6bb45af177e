// Minke with itself, by the programs of bench/programs/.
import { programs } from './cases.mjs';
import { run, with_server } from './processes.mjs';

const ADDRESS = '/ip4/127.0.0.1/udp/0/webrtc-direct';

/** One connection, the listener on core 1, the dialer on core 0: { gbit_s, sender_cpu, receiver_cpu, ... }. */
export const flow = (seconds, more = []) =>
  with_server(`${programs}minke-flow`, ['--listen', ADDRESS], { core: 1 }, addr =>
    run(`${programs}minke-flow`, ['--seconds', `${seconds}`, ...more, addr], { core: 0 }));

/** { rtt_us } of 64 bytes, the median of so many. */
export const echo = count =>
  with_server(`${programs}minke-echo`, ['--listen', ADDRESS], { core: 1 }, addr =>
    run(`${programs}minke-echo`, ['--count', `${count}`, addr], { core: 0 }));
