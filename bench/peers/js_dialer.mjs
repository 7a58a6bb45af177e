// js-libp2p in Node dials a listener (of any implementation) and measures. tests/interop/peers/js_listener.js is the other end.
//
//   node js_dialer.mjs throughput SECONDS ADDR    sends to /perf/1.0.0, 16 KiB at a time
//   node js_dialer.mjs latency COUNT ADDR         64 bytes to /echo/1.0.0 and back
//   node js_dialer.mjs setups COUNT ADDR          one after the other
//   node js_dialer.mjs idle COUNT ADDR            open at once, until it is ended
//
// A line {"mark":"begin"} says when the measurement begins (the connection is up), {"mark":"end"} when it is over; the last
// line has the figures.
import '../../tests/interop/peers/polyfill.js';
import { dial_for } from '../../tests/interop/peers/job.js';
import { make_bytes, now, sleep } from '../../tests/interop/peers/bytes.js';
import { spread } from '../lib/statistics.mjs';

const [mode, amount_text, address] = process.argv.slice(2);
const amount = Number(amount_text);
const WARM_MS = 300, KEPT_BUFFERED = 1024 * 1024;

const print = line => process.stdout.write(`${JSON.stringify(line)}\n`);

async function dial() {
  const failed = line => { if (line.ok === false) console.error(line.facts); };
  const link = await dial_for({ address, user_agent: 'js bench' }, 'dial', failed);
  if (link == null) process.exit(1);
  return link;
}

/** Sends for some time; resolves when the remote has all of it. How many bytes. js takes any amount without a word, so that this looks
 * at what waits by itself. */
async function send_for(link, ms) {
  const pipe = await link.open('/perf/1.0.0', { keep: false });
  const block = make_bytes(16384, 3);
  await pipe.write(new Uint8Array(8)); // nothing is wanted back
  for (const until = now() + ms; now() < until;) {
    if (pipe.stream.writeBufferLength > KEPT_BUFFERED) await sleep(1);
    else await pipe.write(block);
  }
  await Promise.all([pipe.finish(), pipe.ended]);
  return pipe.sent;
}

const MEASURE = {
  async throughput() {
    const link = await dial();
    await send_for(link, WARM_MS);
    print({ mark: 'begin' });
    const before = process.cpuUsage(), begun = now();
    const bytes = await send_for(link, amount * 1000);
    const seconds = (now() - begun) / 1000, { user, system } = process.cpuUsage(before);
    print({ mark: 'end' });
    return { bytes, gbit_s: bytes * 8 / seconds / 1e9, sender_cpu: (user + system) / 1e6 / (bytes / 1e9) };
  },
  async latency() {
    const link = await dial(), pipe = await link.open('/echo/1.0.0', { keep: false });
    const message = make_bytes(64, 4), times = [];
    for (let i = 1; i <= amount; i++) {
      const begun = now();
      await pipe.write(message);
      await pipe.reach(64 * i);
      times.push((now() - begun) * 1000);
    }
    return { rtt_us: spread(times).median };
  },
  async setups() {
    const link = await dial(), times = [];
    print({ mark: 'begin' });
    for (let i = 0; i < amount; i++) {
      await link.connection.close();
      const begun = now();
      link.connection = await link.node.dial(link.connection.remoteAddr);
      times.push(now() - begun);
    }
    print({ mark: 'end' });
    return { setups: amount, setup_ms: spread(times).median };
  },
  async idle() {
    const links = [];
    for (let i = 0; i < amount; i++) links.push(await dial());
    print({ mark: 'end' });
    await sleep(600_000);
    return { links: links.length };
  },
};

print(await MEASURE[mode]());
process.exit(0);
