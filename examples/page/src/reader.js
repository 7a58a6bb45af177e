// A libp2p stream as something to await: lines and bytes in order, then null at the end of the stream.
export class Reader {
  constructor(stream) {
    this.chunks = [];
    // Both may be over before anybody looks.
    this.ended = (stream.readableEnded || stream.status !== 'open') && stream.readBufferLength === 0;
    this.error = null;
    stream.addEventListener('message', event => {
      this.chunks.push(event.data.subarray());
      this.wake?.();
    });
    const end = error => {
      this.ended = true;
      this.error ??= error ?? null;
      this.wake?.();
    };
    stream.addEventListener('end', () => end(), { once: true });
    stream.addEventListener('close', event => end(event.error), { once: true });
  }

  /** The next bytes as they came, at most `max`; null at the end. */
  async bytes(max = Infinity) {
    while (this.chunks.length === 0) {
      if (this.error != null) throw this.error;
      if (this.ended) return null;
      await new Promise(resolve => { this.wake = resolve; });
    }
    const chunk = this.chunks.shift();
    if (chunk.length <= max) return chunk;
    this.chunks.unshift(chunk.subarray(max));
    return chunk.subarray(0, max);
  }

  /** The next line without its end; null at the end of the stream. */
  async line(max = 4096) {
    const parts = [];
    for (let len = 0; ;) {
      const chunk = await this.bytes();
      if (chunk == null) return null;
      const end = chunk.indexOf(10);
      parts.push(end < 0 ? chunk : chunk.subarray(0, end));
      len += parts.at(-1).length;
      if (len > max) throw new Error('a line without end');
      if (end < 0) continue;
      if (end + 1 < chunk.length) this.chunks.unshift(chunk.subarray(end + 1));
      return new TextDecoder().decode(await new Blob(parts).arrayBuffer());
    }
  }
}

/** Sends, and waits while the stream is full. */
export async function send(stream, bytes) {
  if (!stream.send(bytes)) await stream.onDrain();
}
