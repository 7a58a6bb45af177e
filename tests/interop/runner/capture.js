// Makes the captures of tests/golden/peers/: real peers dial a js-libp2p listener through a recorder. Not part of a
// test run, but for recording a new version of a peer: node runner/capture.js
import { createSocket } from 'node:dgram';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open_page } from './chromium.js';
import { start_listener } from './listener.js';
import { plan } from './plan.js';
import { LineProcess } from './processes.js';
import { here, root } from './options.js';

const folder = `${root}tests/golden/peers/`;
const scratch = `${root}build/interop/`;
const KEPT = 24; // datagrams: the handshake and the first streams
const SCTP_KEPT = 60;
const CHROMIUM_LOG = `${scratch}capture-chromium.log`;

/** Forwards between one dialer and the listener and keeps the first datagrams. */
async function record(address) {
  const port = Number(address.split('/')[4]);
  const outside = createSocket('udp4');
  const inside = createSocket('udp4');
  const lines = [];
  let begun, dialer;
  const keep = (mark, bytes) => {
    begun ??= performance.now();
    if (lines.length < KEPT) lines.push(`${mark} ${(performance.now() - begun).toFixed(1)} ${bytes.toString('hex')}`);
  };
  outside.on('message', (bytes, from) => {
    dialer = from;
    keep('>', bytes);
    inside.send(bytes, port, '127.0.0.1');
  });
  inside.on('message', bytes => {
    keep('<', bytes);
    outside.send(bytes, dialer.port, dialer.address);
  });
  await new Promise(resolve => outside.bind(0, '127.0.0.1', resolve));
  return {
    address: address.replace(`/udp/${port}/`, `/udp/${outside.address().port}/`),
    lines,
    stop: () => { outside.close(); inside.close(); },
  };
}

/** dcSCTP logs whole packets before encryption and after decryption, as text2pcap reads them. */
function sctp_lines() {
  const lines = [];
  let begun;
  for (const line of readFileSync(CHROMIUM_LOG, 'latin1').split('\n')) {
    const match = /([IO]) (\d+):(\d+):([\d.]+) 0000 ((?:[0-9a-f]{2} )*[0-9a-f]{2})\s+#\s*SCTP_PACKET/.exec(line);
    if (match == null) continue;
    const at = (Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4])) * 1000;
    begun ??= at;
    if (lines.length < SCTP_KEPT)
      lines.push(`${match[1] === 'O' ? '>' : '<'} ${(at - begun).toFixed(1)} ${match[5].replaceAll(' ', '')}`);
  }
  return lines;
}

async function run_job(peer, job) {
  if (peer.kind === 'node') {
    const args = [`${here}peers/node_peer.js`, JSON.stringify(job)];
    const child = new LineProcess(process.execPath, args, `${scratch}capture.peer.log`);
    await child.find(line => line.event === 'done', 60_000);
    await child.stop();
    return 'js-libp2p, Node';
  }
  const { browser, page, version } = await open_page(peer, `${scratch}capture.console.log`, () => {}, CHROMIUM_LOG);
  await page.evaluate(job => window.run_job(job), job);
  await browser.close();
  return `Chromium ${version}`;
}

function write(name, head, lines) {
  if (lines.length === 0) throw new Error(`${name}: nothing was recorded`);
  writeFileSync(`${folder}${name}.txt`, [...head.map(line => `# ${line}`), ...lines, ''].join('\n'));
  console.log(`${name}: ${lines.length} lines`);
}

mkdirSync(folder, { recursive: true });
mkdirSync(scratch, { recursive: true });
const versions = JSON.parse(readFileSync(`${here}package.json`)).dependencies;
const js = `libp2p ${versions.libp2p}, node-datachannel ${versions['node-datachannel']}`;
const recorded = ['js', 'chromium-v1', 'chromium-v2'];
for (const peer of plan({ all: false, lanes: 1 }).filter(each => recorded.includes(each.id))) {
  const listener = await start_listener({ self_test: true }, peer, `${scratch}capture.listener.log`);
  const recorder = await record(listener.address);
  writeFileSync(CHROMIUM_LOG, '');
  const job = { address: recorder.address, cells: ['ping'], version: peer.version ?? 1, user_agent: 'capture' };
  const software = await run_job(peer, job);
  recorder.stop();
  await listener.stop();
  const about = [`${software} (>) dials a js-libp2p listener (<) over webrtc-direct v${peer.version ?? 1}; ${js}.`];
  write(`${peer.id}-udp`, [
    ...about,
    'Lines: direction, ms since the first, UDP payload in hex. Encrypted from the DTLS Finished on.',
    `Listener: ${recorder.address}`,
  ], recorder.lines);
  if (peer.kind !== 'chromium') continue;
  write(`${peer.id}-sctp`, [
    ...about,
    'Lines: direction, ms since the first, SCTP packet in hex, as dcSCTP logged it (> dcSCTP, < usrsctp).',
  ], sctp_lines());
}
process.exit(0);
