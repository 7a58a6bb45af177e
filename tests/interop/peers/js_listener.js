// A js-libp2p listener with the command line and the output of `minke listen --json --test-protocols`, or with `relay` of
// `minke relay --json`: the harness tests itself against it (`run --self-test`), and it gives the numbers to compare with.
import './polyfill.js';
import './js_listener_v2.js';
import { parseArgs } from 'node:util';
import { make_node, relay_server } from './node_of.js';
import { describe } from './pipe.js';
import { serve } from './serve.js';

const number = { type: 'string' };
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    listen: { type: 'string', multiple: true, default: [] },
    relay: { type: 'string', multiple: true, default: [] },
    private: { type: 'boolean' },
    'test-protocols': { type: 'boolean' },
    seed: number,
    'reservation-ttl': number,
    'max-reservations': number,
    'circuit-seconds': number,
    'circuit-bytes': number,
    verbose: { type: 'boolean', short: 'v', multiple: true },
  },
});
const print = line => process.stdout.write(`${JSON.stringify(line)}\n`);
process.on('uncaughtException', error => console.error('uncaught', error));
process.on('unhandledRejection', error => console.error('unhandled', error));

const value = name => options[name] == null ? undefined : Number(options[name]);
const services = {};
if (positionals.includes('relay')) {
  services.relay = relay_server({
    reservation_ttl: value('reservation-ttl'),
    max_reservations: value('max-reservations'),
    circuit_seconds: value('circuit-seconds'),
    circuit_bytes: value('circuit-bytes'),
  });
}
if (options.listen.length === 0 && options.relay.length === 0) options.listen.push('/ip4/127.0.0.1/udp/0/webrtc-direct');
const circuits = options.relay.map(address => `${address}/p2p-circuit`);
if (options.private) circuits.push('/webrtc');
const node = await make_node({
  user_agent: 'js-libp2p listener', listen: [...options.listen, ...circuits], seed: value('seed'), services,
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => {
  print({ event: 'result', ok: true });
  process.exit(0);
});
try {
  await serve(node, print, { test_protocols: options['test-protocols'] });
} catch (error) {
  print({ event: 'result', ok: false, error: describe(error) });
  process.stdout.write('', () => process.exit(1));
}
