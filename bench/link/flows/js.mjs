// js-libp2p in Node: one stream in one direction.
//
//   node js.mjs listen MULTIADDR SECONDS    takes one connection, receives for so long, prints what came
//   node js.mjs dial MULTIADDR              sends until it is ended
import '../../../tests/interop/peers/polyfill.js';
import { dial_for } from '../../../tests/interop/peers/job.js';
import { make_node } from '../../../tests/interop/peers/node_of.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { Arrivals } from './arrivals.mjs';

const [mode, address, seconds] = process.argv.slice(2);
const PROTOCOL = '/minke-bench/flow/1.0.0', BLOCK = new Uint8Array(16384), KEPT_BUFFERED = 1024 * 1024;

async function listen() {
  let arrivals = null;
  const node = await make_node({ user_agent: 'js bench', listen: [address] });
  node.addEventListener('connection:open', () => {
    if (arrivals != null) return;
    arrivals = new Arrivals(Number(seconds));
    setTimeout(() => {
      arrivals.print('js-libp2p');
      process.exit(0);
    }, arrivals.left_ms);
  });
  await node.handle(PROTOCOL, stream => {
    stream.addEventListener('message', event => arrivals.add(event.data.byteLength));
  });
  await node.start();
  console.log(JSON.stringify({ event: 'listening', addr: `${node.getMultiaddrs()[0]}` }));
}

// js takes any amount without a word, so that this looks at what waits by itself.
async function dial() {
  const link = await dial_for({ address, user_agent: 'js bench' }, 'dial', () => {});
  const pipe = await link.open(PROTOCOL, { keep: false });
  for (;;) {
    if (pipe.stream.writeBufferLength > KEPT_BUFFERED) await sleep(1);
    else await pipe.write(BLOCK);
  }
}

await (mode === 'listen' ? listen() : dial());
