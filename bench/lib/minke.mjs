// Minke with itself, by the programs of bench/programs/.
import { programs, root } from './cases.mjs';
import { run, start, with_server } from './processes.mjs';

const ADDRESS = '/ip4/127.0.0.1/udp/0/webrtc-direct';

/** One connection, the listener on core 1, the dialer on core 0: { gbit_s, sender_cpu, receiver_cpu, ... }. */
export const flow = (seconds, more = []) =>
  with_server(`${programs}minke-flow`, ['--listen', ADDRESS], { core: 1 }, addr =>
    run(`${programs}minke-flow`, ['--seconds', `${seconds}`, ...more, addr], { core: 0 }));
