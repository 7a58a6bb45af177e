// What a js node does as a listener, in Node and in a page: the protocols of `minke listen --test-protocols`, and lines like
// its own of who comes and goes.
import { make_bytes, sleep } from './bytes.js';

async function send(stream, bytes) {
  if (!stream.send(bytes)) await stream.onDrain();
}

/** What comes until the remote has finished. The stream's own iterator waits for ever when data and end were there before it,
 * as they are when go proposes the protocol and sends all in one; and `end` is then past before the data is given out. */
async function* incoming(stream) {
  const chunks = [];
  let wake = () => {};
  stream.addEventListener('message', event => { chunks.push(event.data); wake(); });
  for (const event of ['end', 'close']) stream.addEventListener(event, () => wake());
  const is_over = () => (stream.readableEnded || stream.status !== 'open') && stream.readBufferLength === 0;
  for (;;) {
    if (chunks.length > 0) yield chunks.shift();
    else if (is_over()) break;
    else await new Promise(resolve => { wake = resolve; });
  }
  if (stream.status === 'reset') throw new Error('reset by the remote');
}

async function serve_echo(stream) {
  for await (const chunk of incoming(stream)) await send(stream, chunk);
  await stream.close();
}

async function serve_perf(stream) {
  const head = [];
  for await (const chunk of incoming(stream)) {
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

const SERVED = { '/echo/1.0.0': serve_echo, '/perf/1.0.0': serve_perf };
const SERVED_FOR_TESTS = {
  '/minke-test/reset/1.0.0': serve_reset,
  '/minke-test/stop/1.0.0': serve_stop,
  '/minke-test/close-first/1.0.0': serve_close_first,
};

function watch(node, print) {
  node.addEventListener('connection:open', event => {
    const { remotePeer, remoteAddr, direction, limits } = event.detail;
    const way = direction === 'inbound' ? 'in' : 'out';
    print({ event: 'connected', peer: String(remotePeer), addr: String(remoteAddr), direction: way, limited: limits != null });
  });
  node.addEventListener('connection:close', event => {
    print({ event: 'disconnected', peer: String(event.detail.remotePeer), reason: 'closed' });
  });
  node.addEventListener('peer:identify', event => {
    const { peerId, agentVersion, connection } = event.detail;
    print({ event: 'identified', peer: String(peerId), agent: agentVersion, limited: connection.limits != null });
  });
}

/** Says each address when it is there, and when it is not any more. */
function watch_addresses(node, print) {
  const known = new Set();
  const compare = () => {
    const now = node.getMultiaddrs().map(String);
    for (const addr of now) if (!known.has(addr)) print({ event: 'listening', addr });
    for (const addr of known) if (!now.includes(addr)) print({ event: 'unlistening', addr });
    known.clear();
    for (const addr of now) known.add(addr);
  };
  node.addEventListener('self:peer:update', compare);
  compare();
}

/** Serves, starts the node, and prints what happens. Throws when it cannot listen. */
export async function serve(node, print, { test_protocols = false } = {}) {
  watch(node, print);
  const handlers = { ...SERVED, ...(test_protocols ? SERVED_FOR_TESTS : {}) };
  for (const [protocol, run] of Object.entries(handlers)) {
    const handler = stream => run(stream).catch(error => {
      console.error(protocol, error);
      stream.abort(error);
    });
    await node.handle(protocol, handler, { maxInboundStreams: 4096, runOnLimitedConnection: true });
  }
  await node.start();
  watch_addresses(node, print);
}
