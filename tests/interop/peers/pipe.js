// One libp2p stream as the cells want it: everything that arrives is kept or counted, the end of the remote's data is a
// promise, and the longest time without progress is measured.
import { join, now } from './bytes.js';

const PIECE = 64 * 1024;

export class Pipe {
  constructor(stream, { keep = true } = {}) {
    this.stream = stream;
    this.keep = keep;
    this.chunks = [];
    this.received = 0;
    this.sent = 0;
    this.longest_gap = 0;
    this.progress_at = now();
    this.closed = new Promise(resolve => {
      stream.addEventListener('close', event => resolve(event.error ?? null), { once: true });
      if (stream.status !== 'open') resolve(stream.status === 'closed' ? null : new Error(`stream ${stream.status}`));
    });
    this.ended = new Promise((resolve, reject) => {
      const end = () => {
        this.note_progress();
        if (stream.status === 'reset') reject(new StreamReset(`reset by the remote after ${this.received} bytes`));
        else if (stream.status === 'aborted') reject(new Error(`aborted here after ${this.received} bytes`));
        else resolve();
      };
      // What came together with the agreement on the protocol is given out only now, and its end may be past already.
      if (stream.readableEnded && stream.readBufferLength > 0)
        stream.addEventListener('message', () => queueMicrotask(end), { once: true });
      else if (stream.readableEnded) end();
      else stream.addEventListener('end', end, { once: true });
    });
    this.ended.catch(() => {}); // not every cell waits for it
    stream.addEventListener('message', event => this.take(event.data));
  }

  take(data) {
    this.note_progress();
    this.received += data.byteLength;
    if (this.keep) this.chunks.push(data.subarray());
    this.on_data?.();
  }

  note_progress() {
    const at = now();
    this.longest_gap = Math.max(this.longest_gap, at - this.progress_at);
    this.progress_at = at;
  }

  /** Resolves when at least that many bytes have come. */
  async reach(bytes) {
    await Promise.race([
      new Promise(resolve => {
        this.on_data = () => { if (this.received >= bytes) resolve(); };
        this.on_data();
      }),
      this.ended.then(() => {
        if (this.received < bytes) throw new Error(`end of stream after ${this.received} of ${bytes} bytes`);
      }),
    ]);
  }

  async write(bytes) {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const piece = bytes.subarray(at, at + PIECE);
      this.sent += piece.length;
      if (!this.stream.send(piece)) await this.stream.onDrain();
    }
  }

  /** Sends FIN and waits for the FIN_ACK. js itself would wait 10 s from when FIN was queued, perhaps behind 2 MiB: too
   * short on a slow path or a busy machine. */
  async finish(patience_ms = 30_000) {
    try {
      await this.stream.close({ signal: AbortSignal.timeout(patience_ms) });
    } catch (error) {
      throw new Error(`no FIN_ACK: ${describe(error)}`);
    }
  }

  bytes() {
    return join(this.chunks);
  }
}

export class StreamReset extends Error {}

export function describe(error) {
  if (error == null) return 'unknown error';
  if (error.errors != null) return `${error.name}: ${error.errors.map(describe).join('; ')}`;
  if (error.name != null && error.name !== 'Error') return `${error.name}: ${error.message}`;
  return String(error.message ?? error);
}
