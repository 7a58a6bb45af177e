// js-libp2p in Node dials a listener and measures: set-up several times, then upload and download over /perf/1.0.0.
import '../tests/interop/peers/polyfill.js';
import { dial_for } from '../tests/interop/peers/job.js';
import { make_bytes, now } from '../tests/interop/peers/bytes.js';

const [address, mib, dials] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const MIB = 1024 * 1024;
const report = line => { if (line.ok === false) console.error(line.facts); };
const dial = () => dial_for({ address, strict: false, user_agent: 'js bench' }, 'dial', report);

async function perf(link, up, down) {
  const pipe = await link.open('/perf/1.0.0', { keep: false });
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(down * MIB));
  const block = make_bytes(MIB, 3);
  const begun = now();
  await pipe.write(head);
  for (let i = 0; i < up; i++) await pipe.write(block);
  await Promise.all([pipe.finish(), pipe.ended]);
  if (pipe.received !== down * MIB) throw new Error(`${pipe.received} bytes came`);
  return (now() - begun) / 1000;
}

const setup_ms = [];
let link;
for (let i = 0; i < dials; i++) {
  await link?.stop();
  link = await dial();
  setup_ms.push(link.setup_ms);
}
const cpu_before = process.cpuUsage();
const upload_s = await perf(link, mib, 0);
const download_s = await perf(link, 0, mib);
const { user, system } = process.cpuUsage(cpu_before);
console.log(JSON.stringify({ setup_ms, upload_s, download_s, cpu_s: (user + system) / 1e6 }));
process.exit(0);
