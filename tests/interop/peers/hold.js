// The Node peer that stays: sends a little all the time and wants it back, until SIGTERM or the end of the connection.
// Its argument is the address; it prints what tests/interop/dialer/dialer.c prints for `hold`.
import './polyfill.js';
import { multiaddr } from '@multiformats/multiaddr';
import { make_bytes, now, sleep } from './bytes.js';
import { make_node } from './node_of.js';
import { describe, Pipe } from './pipe.js';

const TRICKLE_MS = 250;
const print = line => process.stdout.write(`${JSON.stringify(line)}\n`);
process.on('uncaughtException', error => console.error('uncaught', error));
process.on('unhandledRejection', error => console.error('unhandled', error));

let asked_to_stop = false;
process.on('SIGTERM', () => { asked_to_stop = true; });

const node = await make_node({ user_agent: 'js hold' });
await node.start();
try {
  const connection = await node.dial(multiaddr(process.argv[2]));
  const pipe = new Pipe(await connection.newStream('/echo/1.0.0', { runOnLimitedConnection: true }));
  const piece = make_bytes(100, 1);
  pipe.stream.send(piece);
  await pipe.reach(piece.length);
  print({ event: 'holding', peer: node.peerId.toString() });
  let sent = 1;
  for (; !asked_to_stop && connection.status === 'open'; sent++) {
    pipe.stream.send(piece);
    await sleep(TRICKLE_MS);
  }
  if (connection.status !== 'open') {
    print({ event: 'disconnected', ms: now() - pipe.progress_at, layer: 'js', reason: `connection ${connection.status}` });
  } else {
    await Promise.all([pipe.finish(10_000), pipe.ended]);
    const back = pipe.bytes();
    const ok = back.length === sent * piece.length && back.every((byte, i) => byte === piece[i % piece.length]);
    print({ event: 'held', ok, sent: sent * piece.length, received: back.length });
  }
} catch (error) {
  print({ event: 'cell', cell: 'hold', ok: false, facts: describe(error) });
}
process.stdout.write('', () => process.exit(0));
