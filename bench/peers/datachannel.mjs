// node-datachannel (libdatachannel with usrsctp and libjuice) with itself, in two processes: this one answers and receives, the
// other, which it starts on another core, offers and sends. They signal over the pipe between them. Node's event loop is in
// all figures. One JSON object on stdout.
//
//   node datachannel.mjs throughput SECONDS     16 KiB messages
//   node datachannel.mjs latency COUNT          64 bytes there and back
//   node datachannel.mjs setups COUNT           one after the other; no Noise
//   node datachannel.mjs idle COUNT             open at once
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pinned } from '../lib/processes.mjs';
import { spread } from '../lib/statistics.mjs';

const ndc = createRequire(new URL('../../tests/interop/', import.meta.url))('node-datachannel');
const [mode, amount_text, role] = process.argv.slice(2);
const amount = Number(amount_text);
const MESSAGE = Buffer.alloc(16384, 1), SMALL = Buffer.alloc(64, 1), KEPT_BUFFERED = 1024 * 1024, WARM_MS = 300;

const cpu_s = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
const resident = () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))[1]) * 1024;
const kept = new Map(); // what is collected closes

/** A peer connection that signals to the other process, each by its id. */
function new_peer(id, send) {
  const connection = new ndc.PeerConnection(`${id}`, { iceServers: [], bindAddress: '127.0.0.1', maxMessageSize: 262144 });
  const peer = { connection, described: false, early: [] };
  kept.set(id, peer);
  connection.onLocalDescription((sdp, type) => send({ id, sdp, type }));
  connection.onLocalCandidate((candidate, mid) => send({ id, candidate, mid }));
  return peer;
}

function signal(peer, { sdp, type, candidate, mid }) {
  if (sdp != null) {
    peer.connection.setRemoteDescription(sdp, type);
    peer.described = true;
    for (const each of peer.early) peer.connection.addRemoteCandidate(...each);
  } else if (peer.described) {
    peer.connection.addRemoteCandidate(candidate, mid);
  } else {
    peer.early.push([candidate, mid]);
  }
}

/** An open channel to the other process. */
function open_channel(id) {
  const peer = new_peer(id, line => process.send(line));
  return new Promise(resolve => {
    peer.channel = peer.connection.createDataChannel('bench');
    peer.channel.onOpen(() => resolve(peer.channel));
  });
}

function close(id) {
  kept.get(id)?.channel?.close();
  kept.get(id)?.connection.close();
  kept.delete(id);
}

// ---- the one that offers

const OFFERER = {
  async throughput() {
    const channel = await open_channel(0);
    const fill = () => { while (channel.isOpen() && channel.bufferedAmount() < KEPT_BUFFERED) channel.sendMessageBinary(MESSAGE); };
    channel.setBufferedAmountLowThreshold(KEPT_BUFFERED / 4);
    channel.onBufferedAmountLow(fill);
    fill();
  },
  async latency() {
    const channel = await open_channel(0), times = [];
    for (let i = 0; i < amount; i++) {
      const begun = performance.now();
      await new Promise(resolve => {
        channel.onMessage(resolve);
        channel.sendMessageBinary(SMALL);
      });
      times.push((performance.now() - begun) * 1000);
    }
    process.send({ result: { rtt_us: spread(times).median } });
  },
  async setups() {
    const times = [];
    for (let id = 0; id < amount; id++) {
      const begun = performance.now();
      await open_channel(id);
      times.push(performance.now() - begun);
      close(id);
      process.send({ id, closed: true });
    }
    process.send({ result: { setup_ms: spread(times).median } });
  },
  async idle() {
    await Promise.all(Array.from({ length: amount }, (_, id) => open_channel(id)));
    process.send({ result: {} });
  },
};

function offer() {
  process.on('message', line => {
    if (line.cpu) process.send({ cpu_s: cpu_s() });
    else if (kept.has(line.id)) signal(kept.get(line.id), line);
  });
  process.on('disconnect', () => process.exit(0));
  return OFFERER[mode]();
}

// ---- the one that answers, and measures

function answer() {
  const command = [process.execPath, fileURLToPath(import.meta.url), mode, `${amount}`, 'offerer'];
  const [program, ...args] = pinned ? ['taskset', '-c', '0', ...command] : command;
  const offerer = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  let received = 0, on_first, on_cpu, on_result;
  const first = new Promise(resolve => { on_first = resolve; });
  const result = new Promise(resolve => { on_result = resolve; });
  const take = (channel, bytes) => {
    received += bytes.length;
    on_first();
    if (mode === 'latency') channel.sendMessageBinary(bytes);
  };
  offerer.on('message', line => {
    if (line.cpu_s != null) return on_cpu(line.cpu_s);
    if (line.result != null) return on_result(line.result);
    if (line.closed) return close(line.id);
    if (!kept.has(line.id)) {
      const peer = new_peer(line.id, back => offerer.send(back));
      peer.connection.onDataChannel(channel => {
        peer.channel = channel;
        channel.onMessage(bytes => take(channel, bytes));
      });
    }
    signal(kept.get(line.id), line);
  });
  return {
    first, result,
    received: () => received,
    offerer_cpu_s: () => new Promise(resolve => {
      on_cpu = resolve;
      offerer.send({ cpu: true });
    }),
    end: () => offerer.kill('SIGKILL'),
  };
}

async function throughput({ first, received, offerer_cpu_s }) {
  await first;
  await sleep(WARM_MS);
  const sender = await offerer_cpu_s(), receiver = cpu_s(), bytes = received(), begun = performance.now();
  await sleep(amount * 1000);
  const seconds = (performance.now() - begun) / 1000, gigabytes = (received() - bytes) / 1e9, used = cpu_s() - receiver;
  return {
    gbit_s: gigabytes * 8 / seconds,
    sender_cpu: (await offerer_cpu_s() - sender) / gigabytes,
    receiver_cpu: used / gigabytes,
  };
}

async function measure(other) {
  const before = { cpu_s: cpu_s(), resident: resident() };
  if (mode === 'throughput') return throughput(other);
  const result = await other.result;
  if (mode === 'setups') return { ...result, per_cpu_s: amount / (cpu_s() - before.cpu_s) };
  if (mode === 'latency') return result;
  await sleep(3000);
  return { bytes: (resident() - before.resident) / amount };
}

if (role === 'offerer') {
  await offer();
} else {
  const other = answer();
  const result = await measure(other);
  other.end();
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}
