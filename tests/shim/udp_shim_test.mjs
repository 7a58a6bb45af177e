// Tests of the UDP shim: node --test tests/shim/udp_shim_test.mjs
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('udp_shim.c', import.meta.url));
const program = join(mkdtempSync(join(tmpdir(), 'udp_shim-')), 'udp_shim');
execFileSync(process.env.CC ?? 'cc', ['-std=c11', '-g', '-fsanitize=address,undefined', '-o', program, source]);

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

async function socket_at(host) {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  await new Promise(resolve => socket.bind(0, host, resolve));
  return socket;
}

/** An echoing target behind a shim, and a way to talk to it. */
async function start(args, host = '127.0.0.1') {
  const bracket = host.includes(':') ? `[${host}]` : host;
  const target = await socket_at(host);
  const sources = new Set();
  target.on('message', (bytes, from) => {
    sources.add(from.port);
    target.send(bytes, from.port, from.address);
  });
  const shim = spawn(program, ['--listen', `${bracket}:0`, '--to', `${bracket}:${target.address().port}`, ...args]);
  const lines = [];
  const exit = new Promise(resolve => shim.on('close', resolve));
  await new Promise(resolve => createInterface({ input: shim.stdout }).on('line', line => {
    lines.push(JSON.parse(line));
    resolve();
  }));
  const peer = await socket_at(host);
  const received = [];
  peer.on('message', bytes => received.push({ number: bytes.readUInt32BE(0), at: performance.now() }));
  return {
    sources,
    received,
    exit,
    async send(count, size = 100) {
      for (let i = 0; i < count; i++) {
        const bytes = Buffer.alloc(size);
        bytes.writeUInt32BE(i);
        peer.send(bytes, lines[0].port, host);
        if (i % 20 === 19) await sleep(2);
      }
    },
    async end(signal = 'SIGTERM') {
      if (signal != null) shim.kill(signal);
      const code = await exit;
      peer.close();
      target.close();
      assert.equal(code, 0);
      return lines.at(-1);
    },
  };
}

test('only loopback addresses are accepted', () => {
  for (const args of [['--to', '192.0.2.1:9'], ['--to', '127.0.0.1:9', '--listen', '0.0.0.0:0'], ['--to', '[::]:9'], []])
    assert.equal(spawnSync(program, args).status, 2, args.join(' '));
});

test('passes everything in order without impairments, on both families', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const run = await start([], host);
    await run.send(500);
    await sleep(100);
    const counts = await run.end();
    assert.deepEqual(run.received.map(each => each.number), Array.from({ length: 500 }, (_, i) => i));
    assert.deepEqual([counts.clients, counts.up.sent, counts.down.sent], [1, 500, 500]);
  }
});

test('delays each way', async () => {
  const run = await start(['--delay', '40']);
  const begun = performance.now();
  await run.send(1);
  await sleep(200);
  await run.end();
  const took = run.received[0].at - begun;
  assert.ok(took >= 80 && took < 140, `${took} ms`);
});

test('one seed loses the same datagrams, another seed others', async () => {
  const survivors = async seed => {
    const run = await start(['--loss', '10', '--seed', seed]);
    await run.send(1000);
    await sleep(100);
    const { up, down } = await run.end();
    assert.equal(up.sent + up.lost, 1000);
    assert.equal(down.received, up.sent);
    assert.ok(up.lost > 60 && up.lost < 140, `${up.lost} of 1000 lost`);
    return run.received.map(each => each.number).join();
  };
  const first = await survivors('7');
  assert.equal(await survivors('7'), first);
  assert.notEqual(await survivors('8'), first);
});

test('loss in a row is limited, and a silence is ended', async () => {
  const limited = await start(['--loss', '100', '--loss-in-a-row', '2']);
  await limited.send(300);
  await sleep(100);
  assert.equal((await limited.end()).up.lost, 200);
  const spared = await start(['--loss', '100', '--spare-after', '50']);
  await sleep(60);
  await spared.send(2);
  await sleep(60);
  await spared.send(2);
  await sleep(20);
  const { up, down } = await spared.end();
  assert.deepEqual([up.lost, up.spared], [2, 2]);
  assert.deepEqual([down.lost, down.spared], [2, 0]); // towards the peer nothing is spared
});

test('larger datagrams than the mtu, and more than the queue holds, are dropped', async () => {
  const mtu = await start(['--mtu', '500']);
  await mtu.send(10, 500);
  await mtu.send(10, 501);
  await sleep(50);
  assert.equal((await mtu.end()).up.over_mtu, 10);
  const queue = await start(['--rate', '1', '--queue', '5000']);
  await queue.send(20, 1000);
  await sleep(50);
  const { up } = await queue.end();
  assert.ok(up.over_queue >= 13, `${up.over_queue} of 20 dropped`);
});

test('duplicates, reorders, bursts', async () => {
  const run = await start(['--duplicate', '20', '--reorder', '20', '--reorder-by', '3', '--burst', '1:5']);
  await run.send(1000);
  await sleep(100);
  const { up } = await run.end();
  assert.ok(up.duplicated > 100 && up.reordered > 100 && up.lost >= 15, JSON.stringify(up));
  const numbers = run.received.map(each => each.number);
  assert.ok(numbers.some((number, i) => i > 0 && number < numbers[i - 1]));
});

test('rebinds and ends by itself', async () => {
  const run = await start(['--rebind-after', '0.3', '--seconds', '1']);
  await run.send(5);
  await sleep(500);
  await run.send(5);
  await run.end(null);
  assert.equal(run.sources.size, 2);
  assert.equal(run.received.length, 10);
});
