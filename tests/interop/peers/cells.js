// The cells of the interop table: what every js peer does with a listener, in Node and in a page alike.
//
// A cell is { name, budget (s), own, run(link) }. run returns a line of facts for the table, or throws. Cells
// share one connection, one after the other, and each leaves it alive; a cell with `own` has a connection to itself and
// runs beside the others. The protocols under /minke-test/ are those of `minke listen --test-protocols`.
import { describe, Pipe, StreamReset } from './pipe.js';
import { make_bytes, now, sha256, sleep } from './bytes.js';

const ECHO = '/echo/1.0.0';
const PERF = '/perf/1.0.0';
const PING = '/ipfs/ping/1.0.0';
const IDENTIFY = '/ipfs/id/1.0.0';
const KIB = 1024;
const MIB = 1024 * 1024;

function check(condition, complaint) {
  if (!condition) throw new Error(complaint);
}

function milliseconds(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

function rate(bytes, ms) {
  return `${(bytes / 1000 / ms).toFixed(1)} MB/s`;
}

async function check_same(got, want) {
  check(got.length === want.length, `${got.length} bytes came back, ${want.length} were sent`);
  const [a, b] = await Promise.all([sha256(got), sha256(want)]);
  check(a === b, `sha256 differs over ${want.length} bytes`);
}

/** Sends bytes, finishes, and reads the same bytes and the end of stream. Returns the finished pipe. */
async function echo(link, bytes) {
  const pipe = await link.open(ECHO);
  try {
    await Promise.all([pipe.write(bytes).then(() => pipe.finish(link.params.finish_patience)), pipe.ended]);
  } catch (error) {
    throw new Error(`${describe(error)} (echo of ${bytes.length}: ${pipe.sent} given, ${pipe.received} back)`);
  }
  await check_same(pipe.bytes(), bytes);
  return pipe;
}

async function ping(link) {
  const pipe = await link.open(PING);
  const times = [];
  for (let i = 0; i < 20; i++) {
    const payload = make_bytes(32, i);
    const begun = now();
    await pipe.write(payload);
    await pipe.reach(32 * (i + 1));
    times.push(now() - begun);
    await check_same(pipe.bytes().subarray(32 * i), payload);
  }
  await Promise.all([pipe.finish(), pipe.ended]);
  await link.node.services.ping.ping(link.connection.remotePeer); // and as an application does it, a stream each time
  times.sort((a, b) => a - b);
  return `median ${milliseconds(times[10])} of 20`;
}

/** What identify said, its parts checked that are the same on every connection. */
async function identify_protocols(link) {
  const result = await link.identified(10_000);
  check(result.peerId.equals(link.connection.remotePeer), `peer id ${result.peerId} in identify`);
  check(result.publicKey != null && result.publicKey.length > 0, 'no public key'); // js checks that it fits the peer id
  check((result.agentVersion ?? '') !== '', 'no agent version');
  for (const protocol of [IDENTIFY, PING, PERF, ECHO])
    check(result.protocols.includes(protocol), `${protocol} is not listed: ${result.protocols}`);
  return result;
}

const is_private = address => address.includes('/p2p-circuit/webrtc/');

/** Where the remote sees us is nobody's business: nobody else could reach us there. js says /webrtc and our peer id. */
function of_private(link, result) {
  const observed = String(result.observedAddr ?? '');
  check(!observed.includes('/webrtc-direct'), `observed address '${observed}'`);
  if (link.strict) {
    const listed = result.listenAddrs.map(String);
    const dialled = link.address.replace(/\/p2p\/[^/]*$/, '');
    check(listed.some(address => address.startsWith(dialled)), `listen addresses ${listed} lack ${dialled}`);
  }
  return `${result.agentVersion}, ${result.protocols.length} protocols`;
}

async function identify_read(link) {
  const result = await identify_protocols(link);
  if (is_private(link.address)) return of_private(link, result);
  const observed = String(result.observedAddr ?? '');
  const way = /\/(udp\/\d+\/webrtc-direct|tcp\/\d+\/ws|tcp\/\d+)/.exec(link.address)[1].replace(/\d+/, '\\d+');
  check(new RegExp(`^/ip[46]/[^/]+/${way}`).test(observed), `observed address '${observed}'`);
  if (link.strict) {
    check(new RegExp(`/${way}$`).test(observed), `observed address '${observed}' goes on after ${way}`);
    const dialled = link.address.replace(/\/p2p\/.*$/, '');
    const listed = result.listenAddrs.map(String);
    check(listed.some(address => address.startsWith(dialled)), `listen addresses ${listed} lack ${dialled}`);
  }
  return `${result.agentVersion}, ${result.protocols.length} protocols`;
}

async function identify_answer(link) {
  const asked = await link.identify_asked(10_000);
  check(asked, 'the listener did not open identify towards us within 10 s');
  return 'the listener asked and read ours';
}

async function echo_sizes(link) {
  const sizes = [0, 1, 2, 127, 128, 1191, 1192];
  for (let size = 16376; size <= 16385; size++) sizes.push(size);
  sizes.push(65535, 1000003);
  for (const size of sizes) await echo(link, make_bytes(size, size + 1));
  return `${sizes.length} sizes, 0 to 1000003`;
}

async function echo_large(link, mib = 8) {
  const bytes = make_bytes(mib * MIB, 8);
  const begun = now();
  const pipe = await echo(link, bytes);
  const took = now() - begun;
  const limit = link.params.longest_gap;
  check(limit == null || pipe.longest_gap <= limit, `stalled for ${milliseconds(pipe.longest_gap)}, limit ${limit} ms`);
  return `${rate(bytes.length, took)} each way, longest gap ${milliseconds(pipe.longest_gap)}`;
}

function perf_head(download) {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(download));
  return head;
}

async function perf(link, upload, download) {
  const pipe = await link.open(PERF, { keep: false });
  await pipe.write(perf_head(download));
  const begun = now();
  for (let left = upload; left > 0; left -= MIB) await pipe.write(make_bytes(Math.min(left, MIB), 3));
  await Promise.all([pipe.finish(), pipe.ended]);
  check(pipe.received === download, `${pipe.received} bytes came, ${download} were asked for`);
  return rate(upload + download, now() - begun);
}

const perf_up = async link => `${await perf(link, 16 * MIB, 0)} for 16 MiB`;
const perf_down = async link => `${await perf(link, 0, 16 * MIB)} for 16 MiB`;

async function streams_at_once(link) {
  const count = 256;
  const begun = now();
  const bytes = Array.from({ length: count }, (_, i) => make_bytes(64 * KIB, 1000 + i));
  await Promise.all(bytes.map(each => echo(link, each)));
  return `${count} x 64 KiB in ${milliseconds(now() - begun)}`;
}

/** We finish first: everything that the remote sends after our FIN must still come. */
async function half_close_here(link) {
  const bytes = make_bytes(300 * KIB, 5);
  const pipe = await link.open(ECHO);
  pipe.stream.pause();
  await pipe.write(bytes);
  const finished = pipe.finish();
  await sleep(200);
  pipe.stream.resume();
  await Promise.all([finished, pipe.ended]);
  await check_same(pipe.bytes(), bytes);
  await perf(link, 64 * KIB, MIB); // here not one byte comes before our FIN
  await link.check_alive();
  return 'all bytes after our FIN';
}

/** The remote finishes first: what we write after its FIN must still arrive. */
async function half_close_there(link) {
  const pipe = await link.open('/minke-test/close-first/1.0.0');
  await pipe.ended;
  check(pipe.received === 64 * KIB, `${pipe.received} bytes before the remote's FIN, 65536 expected`);
  await sleep(100);
  const begun = now();
  await pipe.write(make_bytes(MIB, 6));
  await pipe.finish();
  const took = now() - begun;
  check(took < 8000, `FIN_ACK only after ${milliseconds(took)}`);
  const error = await pipe.closed;
  check(error == null, `stream closed with ${describe(error)}`);
  await link.check_alive();
  return `1 MiB after its FIN, acknowledged in ${milliseconds(took)}`;
}

async function reset_here(link) {
  for (const before of [0, 10 * KIB, 2 * MIB]) {
    link.step(`reset with ${before} bytes under way`);
    const pipe = await link.open(ECHO, { keep: false });
    pipe.stream.send(make_bytes(before, 7));
    if (before !== 0) await pipe.reach(1);
    pipe.stream.abort(new Error('reset by the test'));
    await pipe.closed;
    link.step(`echo after a reset with ${before} bytes under way`);
    await link.check_alive();
  }
  return 'with 0, 10 KiB and 2 MiB under way';
}

/** We read `enough` bytes of a long download and then tell the remote to stop. */
async function stop_here(link) {
  const pipe = await link.open(PERF, { keep: false });
  let raw = 0;
  pipe.stream.channel.addEventListener('message', event => { raw += event.data.byteLength; });
  link.step('waiting for the first MiB');
  await pipe.write(perf_head(256 * MIB));
  const finished = pipe.finish().catch(describe);
  await pipe.reach(MIB);
  const at_stop = raw;
  await pipe.stream.closeRead();
  const begun = now();
  while (pipe.stream.status === 'open' && now() - begun < 12_000) await sleep(50);
  const after = raw - at_stop;
  check(after < 16 * MIB, `${after} bytes came after STOP_SENDING`);
  check(pipe.stream.status !== 'open', 'after STOP_SENDING neither FIN nor the end of the stream came within 12 s');
  await finished;
  link.step('echo after the stop');
  await link.check_alive();
  return `${Math.round(after / KIB)} KiB came after STOP_SENDING`;
}

async function reset_there(link) {
  const pipe = await link.open('/minke-test/reset/1.0.0');
  await pipe.write(make_bytes(2 * KIB, 9));
  let seen = 'end of stream';
  await pipe.ended.catch(error => { seen = error instanceof StreamReset ? 'reset' : describe(error); });
  // A js listener that closes the channel right behind its RESET is now and then seen as an end of stream.
  check(seen === 'reset' || (!link.strict && seen === 'end of stream'), `a reset was expected, not '${seen}'`);
  await link.check_alive();
  return seen;
}

async function stop_there(link) {
  const pipe = await link.open('/minke-test/stop/1.0.0');
  await pipe.write(make_bytes(2 * KIB, 10));
  const begun = now();
  while (pipe.stream.remoteReadStatus !== 'closed' && now() - begun < 5000) await sleep(10);
  check(pipe.stream.remoteReadStatus === 'closed', 'STOP_SENDING did not come within 5 s');
  check(pipe.stream.status !== 'reset', 'the stream was reset instead');
  await pipe.ended; // the remote then finishes its own side
  await pipe.finish();
  await link.check_alive();
  return `STOP_SENDING after ${milliseconds(now() - begun)}`;
}

/** One stream after the other, each opened when the one before has its echo. Notes every step forward. */
async function sequence_lane(link, take_index, state) {
  let progress_at = now();
  const progress = (index, step) => {
    const gap = now() - progress_at;
    progress_at = now();
    if (gap > state.longest_gap) Object.assign(state, { longest_gap: gap, longest_at: `${step} of stream ${index}` });
  };
  for (let index; (index = take_index()) != null;) {
    link.step(`stream ${index}`);
    const pipe = await link.open(ECHO);
    progress(index, 'opening');
    if (pipe.stream.channel != null) state.ids.add(pipe.stream.channel.id); // yamux never uses an id again
    const bytes = make_bytes(100 + index % 100, index);
    await pipe.write(bytes);
    const finished = pipe.finish(link.params.finish_patience);
    finished.catch(() => {});
    state.closing.push(finished);
    await pipe.reach(bytes.length);
    progress(index, 'echo');
    await pipe.ended;
    progress(index, 'end');
    const got = pipe.bytes();
    check(got.length === bytes.length && got.every((byte, i) => byte === bytes[i]), `stream ${index}: wrong bytes`);
    link.progress(`${index + 1} streams, longest gap ${milliseconds(state.longest_gap)} at the ${state.longest_at}`);
  }
}

/** How many channel ids the sequence takes shows their reuse. */
async function streams_in_sequence(link) {
  const count = link.params.sequence ?? 2000;
  const lanes = link.params.lanes ?? 1;
  const state = { ids: new Set(), closing: [], longest_gap: 0, longest_at: '' };
  let next = 0;
  const take_index = () => next < count ? next++ : null;
  const begun = now();
  await Promise.all(Array.from({ length: lanes }, () => sequence_lane(link, take_index, state)));
  const took = now() - begun;
  link.step('the closing of the last streams');
  await Promise.all(state.closing);
  const highest = Math.max(0, ...state.ids);
  const how = lanes > 1 ? ` in ${lanes} lanes` : '';
  const ids = state.ids.size > 0 ? `${state.ids.size} ids up to ${highest}, ` : '';
  const gap = `longest gap ${milliseconds(state.longest_gap)} at the ${state.longest_at}`;
  const facts = `${count}${how} in ${(took / 1000).toFixed(1)} s, ${ids}${gap}`;
  check(highest < 1024, `ids are not reused: ${facts}`);
  const limit = link.params.longest_gap;
  check(limit == null || state.longest_gap <= limit, `stalled for over ${limit} ms: ${facts}`);
  return facts;
}

async function unsupported(link) {
  const begun = now();
  for (let i = 0; i < 3; i++) {
    let name = 'success';
    await link.open('/minke-test/nobody-serves-this/1.0.0').catch(error => { name = error.name; });
    check(name === 'UnsupportedProtocolError', `UnsupportedProtocolError was expected, not ${name}`);
  }
  check(now() - begun < 5000, `the refusals took ${milliseconds(now() - begun)}`);
  await link.check_alive();
  return 'refused three times';
}

async function silence(link) {
  await echo(link, make_bytes(1000, 1));
  await sleep((link.params.silence ?? 30) * 1000);
  check(link.connection.status === 'open', `the connection is ${link.connection.status} after the silence`);
  const begun = now();
  await echo(link, make_bytes(1000, 2));
  return `echo after ${link.params.silence ?? 30} s in ${milliseconds(now() - begun)}`;
}

export const cells = [
  { name: 'ping', budget: 20, run: ping },
  { name: 'identify-read', budget: 20, run: identify_read },
  { name: 'identify-answer', budget: 20, run: identify_answer },
  { name: 'echo-sizes', budget: 60, run: echo_sizes },
  { name: 'echo-8MiB', budget: 60, run: link => echo_large(link) },
  { name: 'echo-64MiB', budget: 120, run: link => echo_large(link, 64) },
  { name: 'perf-up', budget: 60, run: perf_up },
  { name: 'perf-down', budget: 60, run: perf_down },
  { name: 'streams-256', budget: 60, run: streams_at_once },
  { name: 'half-close-here', budget: 30, run: half_close_here },
  { name: 'half-close-there', budget: 30, run: half_close_there },
  { name: 'reset-here', budget: 30, run: reset_here },
  { name: 'reset-there', budget: 30, run: reset_there },
  { name: 'stop-here', budget: 40, run: stop_here },
  { name: 'stop-there', budget: 30, run: stop_there },
  { name: 'unsupported', budget: 20, run: unsupported },
  { name: 'streams-2000', budget: 120, run: streams_in_sequence },
  { name: 'silence', budget: 60, own: true, run: silence },
  // Through the shim: the same two, side by side on connections of their own.
  { name: 'lossy-echo-8MiB', budget: 400, own: true, run: link => echo_large(link) },
  { name: 'lossy-streams-2000', budget: 1200, own: true, run: streams_in_sequence },
];

export { check, echo, identify_protocols, perf_down, perf_up, ping };
