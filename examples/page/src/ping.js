// /ipfs/ping/1.0.0 on one stream that stays open: 32 random bytes, sent back.
import { Reader, send } from './reader.js';

export const PING_PROTOCOL = '/ipfs/ping/1.0.0';
const EVERY = 1000;

/** Calls on_pong(ms) for each answer, and on_wait(ms) while one is overdue. Ends with the stream. */
export async function ping_forever(connection, on_pong, on_wait, every = EVERY) {
  const stream = await connection.newStream(PING_PROTOCOL, { runOnLimitedConnection: true });
  const reader = new Reader(stream);
  for (;;) {
    const begun = performance.now();
    const overdue = setInterval(() => on_wait(performance.now() - begun), every);
    try {
      await send(stream, crypto.getRandomValues(new Uint8Array(32)));
      for (let back = 0; back < 32;) {
        const bytes = await reader.bytes(32 - back);
        if (bytes == null) return;
        back += bytes.length;
      }
    } finally {
      clearInterval(overdue);
    }
    on_pong(performance.now() - begun);
    await new Promise(resolve => setTimeout(resolve, every));
  }
}

/** The other side of it. js-libp2p's own service answers for ten seconds on one stream, then breaks it off. */
export async function answer_pings(stream) {
  const reader = new Reader(stream);
  for (let bytes; (bytes = await reader.bytes()) != null;) await send(stream, bytes);
  await stream.close();
}
