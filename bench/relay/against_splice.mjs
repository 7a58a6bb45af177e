// A relay under load, and a plain TCP splice that carries the same bytes for the same pairs of sockets. They take turns
// within one run, so that whatever else the machine does hits both.
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const build = fileURLToPath(new URL('../../build/', import.meta.url));
const MIB = 1024 * 1024;

const HELP = `usage: bench/run relay [--rounds N] [--peers N] [--circuits N] [--mib N] [--idle SECONDS] [--out FILE]

  --rounds N      of each, taking turns (5)
  --peers N       that hold a reservation each (1000)
  --circuits N    open and busy at once (200)
  --mib N         that each circuit moves each way (8)
  --idle SECONDS  how long the reservations are left alone, in the first round (60)
  --out FILE      every run, one JSON object per line (build/bench-relay.jsonl)
`;
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    peers: { type: 'string', default: '1000' },
    circuits: { type: 'string', default: '200' },
    mib: { type: 'string', default: '8' },
    idle: { type: 'string', default: '60' },
    out: { type: 'string', default: `${build}bench-relay.jsonl` },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

// ---- one core each, where there are two

function can_pin() {
  try {
    execFileSync('taskset', ['-c', '0', 'true'], { stdio: 'ignore' });
    return cpus().length > 1;
  } catch {
    return false;
  }
}
const pinned = can_pin();
const on_core = (core, command, args) => pinned ? ['taskset', ['-c', core, command, ...args]] : [command, args];

const RELAY = ['relay', '--json', '--stats', '1', '--listen', '/ip4/127.0.0.1/tcp/0', '--no-stun',
  '--max-connections', '20000', '--max-connections-per-address', '20000',
  '--max-reservations', '20000', '--max-reservations-per-address', '0',
  '--max-circuits', '20000', '--max-circuits-per-peer', '0', '--circuit-bytes', '0', '--circuit-seconds', '0'];

/** Starts what is measured, hands its pid, its first line that `find` likes and its output's file to `use`, and ends it. */
async function with_server(command, args, find, use) {
  const folder = mkdtempSync(`${tmpdir()}/relay-bench-`);
  const file = `${folder}/out`;
  const out = openSync(file, 'w');
  const [program, all] = on_core('0', `${build}${command}`, args);
  const child = spawn(program, all, { stdio: ['ignore', out, 'inherit'] });
  closeSync(out);
  try {
    for (let i = 0; i < 100; i++) {
      const found = readFileSync(file, 'utf8').split('\n').slice(0, -1).map(find).find(line => line != null);
      if (found != null) return await use(child.pid, found, file);
      if (child.exitCode != null) break;
      await sleep(50);
    }
    throw new Error(`${command} did not start`);
  } finally {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true });
  }
}

function load(args) {
  const [program, all] = on_core(`1-${cpus().length - 1}`, `${build}bench/relay-load`,
    ['--circuits', options.circuits, '--bytes', `${Number(options.mib) * MIB}`, '--limit', '600', ...args]);
  return new Promise((resolve, reject) => {
    const child = spawn(program, all, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', data => { text += data; });
    child.on('error', reject);
    child.on('close', code => code === 0 ? resolve(JSON.parse(text)) : reject(new Error(`relay-load ended with ${code}: ${text}`)));
  });
}

const through_splice = (...more) => with_server('bench/relay-splice', [], line => line, (pid, port) =>
  load(['--plain', port, '--pid', `${pid}`, ...more]));

function listening(line) {
  const event = JSON.parse(line);
  return event.event === 'listening' ? event.addr : null;
}
const through_relay = (idle, ...more) => with_server('minke', RELAY, listening, (pid, address, file) =>
  load(['--peers', options.peers, '--idle', idle, '--pid', `${pid}`, '--stats', file, ...more, address]));

// Small messages, each answered before the next: what a piece costs, where the others tell what a byte does.
const MESSAGES = ['--window', '256', '--bytes', `${256 * 2000}`];

// ---- rounds

mkdirSync(build, { recursive: true });
const command = `./dev bench relay ${process.argv.slice(2).join(' ')}`.trim();
const machine = `${cpus().length} x ${cpus()[0].model}`;
writeFileSync(options.out, `${JSON.stringify({ event: 'bench', date: new Date().toISOString(), machine, pinned, command, options })}\n`);

const runs = { splice: [], 'by hand': [], hosts: [], splice_messages: [], relay_messages: [] };
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [name, run] of [
    ['splice', () => through_splice()],
    ['by hand', () => through_relay(round === 0 ? options.idle : '1', '--by-hand')],
    ['hosts', () => through_relay('1')],
    ['splice_messages', () => through_splice(...MESSAGES)],
    ['relay_messages', () => through_relay('1', '--by-hand', ...MESSAGES)],
  ]) {
    const result = await run();
    runs[name].push(result);
    appendFileSync(options.out, `${JSON.stringify({ round, ...result })}\n`);
  }
}

// ---- the table

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
}
const cell = (name, pick, digits) => spread(runs[name].map(pick)).map(value => value.toFixed(digits)).join(' / ');
const ratio = (pick, relay = 'by hand', splice = 'splice') =>
  spread(runs[relay].map((run, i) => pick(run) / pick(runs[splice][i]))).map(value => value.toFixed(2)).join(' / ');

const over_relay = [...runs['by hand'], ...runs.hosts, ...runs.relay_messages];
const sum = (list, pick) => list.reduce((total, run) => total + pick(run), 0);
const first = runs['by hand'][0];
console.log(`${machine}, loopback, ${pinned ? 'relay and splice on a core of their own' : 'nothing pinned'}; ${new Date().toISOString().slice(0, 10)}`);
console.log(`${command}: ${options.peers} reservations, ${options.circuits} circuits busy at once, ${options.mib} MiB each way`);
console.log(`${options.rounds} rounds taking turns; min / median / max. A byte that goes and comes back counts twice.\n`);
const columns = [['plain splice', 'splice'], ['relay', 'by hand'], ['relay, full hosts', 'hosts']];
console.log(`${''.padEnd(30)}${columns.map(([title]) => title.padStart(24)).join('')}`);
for (const [title, pick, digits] of [
  ['MB/s', run => run.mb_per_s, 0],
  ['its CPU, s/GB', run => run.cpu_s_per_gb, 3],
  ['MB per second of its CPU', run => 1e3 / run.cpu_s_per_gb, 0],
  ['of the time on its core, %', run => run.busy * 100, 0],
  ["the load's CPU, s/GB", run => run.load_cpu_s / run.gigabytes, 3],
]) {
  console.log(`${title.padEnd(30)}${columns.map(([, name]) => cell(name, pick, digits).padStart(24)).join('')}`);
}
const per_message = run => run.cpu_us_per_message;
console.log(`${'its CPU, us per 256-byte message'.padEnd(34)}${cell('splice_messages', per_message, 2).padStart(20)}${cell('relay_messages', per_message, 2).padStart(24)}`);
console.log(`\nrelay / splice: MB/s ${ratio(run => run.mb_per_s)}, CPU s/GB ${ratio(run => run.cpu_s_per_gb)}, CPU per message ${
  ratio(per_message, 'relay_messages', 'splice_messages')}`);
console.log(`lost in ${over_relay.length} runs over the relay: ${sum(over_relay, run => options.peers - run.reservations)} reservations, ${
  sum(over_relay, run => options.circuits - run.complete)} circuits; ${sum(over_relay, run => run.errors)} errors`);
console.log(`a reservation: ${cell('hosts', run => run.memory_per_reservation, 0)} bytes counted, ${cell('hosts', run => run.resident_per_reservation, 0)
} resident; ${cell('hosts', run => run.reserve_cpu_ms, 2)} ms of CPU with its connection`);
console.log(`an open circuit: ${cell('hosts', run => run.memory_per_circuit, 0)} bytes counted; busy: ${
  cell('by hand', run => run.resident_per_busy_circuit / 1024, 0)} KiB resident at the peak`);
console.log(`${options.peers} idle reservations: ${(first.idle_cpu * 100).toFixed(3)} % of a core over ${first.idle_s.toFixed(0)} s`);
