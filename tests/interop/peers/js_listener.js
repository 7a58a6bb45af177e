// A js-libp2p listener with the command line and the output of `minke listen --json --test-protocols`: the harness
// tests itself against it (`run --self-test`), and it gives the numbers to compare with.
import './polyfill.js';
import './js_listener_v2.js';
import { parseArgs } from 'node:util';
import { make_bytes, sleep } from './bytes.js';
import { make_node } from './node_of.js';

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter(word => word !== 'listen'),
  options: {
    json: { type: 'boolean' },
    listen: { type: 'string', multiple: true, default: ['/ip4/127.0.0.1/udp/0/webrtc-direct'] },
    'test-protocols': { type: 'boolean' },
    verbose: { type: 'boolean', short: 'v', multiple: true },
  },
});
const print = line => process.stdout.write(`${JSON.stringify(line)}\n`);

async function send(stream, bytes) {
  if (!stream.send(bytes)) await stream.onDrain();
}

async function serve_echo(stream) {
  for await (const chunk of stream) await send(stream, chunk);
  await stream.close();
}

async function serve_perf(stream) {
  const head = [];
  for await (const chunk of stream) {
    for (const byte of chunk.subarray().subarray(0, 8 - head.length)) head.push(byte);
  }
  let left = Number(new DataView(Uint8Array.from(head).buffer).getBigUint64(0));
  const block = make_bytes(64 * 1024, 1);
  while (left > 0 && stream.remoteReadStatus !== 'closed' && stream.status === 'open') {
    const piece = block.subarray(0, Math.min(left, block.length));
    await send(stream, piece);
    left -= piece.length;
  }
  await stream.close();
}

async function read_a_kib(stream) {
  let received = 0;
  return new Promise(resolve => stream.addEventListener('message', event => {
    received += event.data.byteLength;
    if (received >= 1024) resolve();
  }));
}

async function serve_reset(stream) {
  await read_a_kib(stream);
  stream.abort(new Error('test'));
}

async function serve_stop(stream) {
  await read_a_kib(stream);
  await stream.closeRead();
  await sleep(50);
  await stream.close();
}

async function serve_close_first(stream) {
  stream.addEventListener('message', () => {});
  await send(stream, make_bytes(64 * 1024, 2));
  await stream.close();
}

const node = await make_node({ user_agent: 'js-libp2p listener', listen: options.listen });
node.addEventListener('connection:open', event => {
  const { remotePeer, remoteAddr, direction } = event.detail;
  const way = direction === 'inbound' ? 'in' : 'out';
  print({ event: 'connected', peer: String(remotePeer), addr: String(remoteAddr), direction: way });
});
node.addEventListener('connection:close', event => {
  print({ event: 'disconnected', peer: String(event.detail.remotePeer), reason: 'closed' });
});
node.addEventListener('peer:identify', event => {
  print({ event: 'identified', peer: String(event.detail.peerId), agent: event.detail.agentVersion });
});
const handlers = { '/echo/1.0.0': serve_echo, '/perf/1.0.0': serve_perf };
if (options['test-protocols']) {
  handlers['/minke-test/reset/1.0.0'] = serve_reset;
  handlers['/minke-test/stop/1.0.0'] = serve_stop;
  handlers['/minke-test/close-first/1.0.0'] = serve_close_first;
}
for (const [protocol, serve] of Object.entries(handlers)) {
  const handler = stream => serve(stream).catch(error => stream.abort(error));
  await node.handle(protocol, handler, { maxInboundStreams: 4096 });
}
await node.start();
for (const address of node.getMultiaddrs()) print({ event: 'listening', addr: String(address) });
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => {
  print({ event: 'result', ok: true });
  process.exit(0);
});
process.on('uncaughtException', error => console.error('uncaught', error));
process.on('unhandledRejection', error => console.error('unhandled', error));
