// Minke with Minke against js-libp2p with js-libp2p in Node, two processes each on loopback: set-up time, throughput of
// /perf/1.0.0, and processor time. They take turns within one run, so that whatever else the machine does hits both.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const minke = `${root}build/minke`;
const LISTEN = ['listen', '--json', '--listen', '/ip4/127.0.0.1/udp/0/webrtc-direct'];
const MIB = 1024 * 1024;
const ticks = Number(execFileSync('getconf', ['CLK_TCK']));

const HELP = `usage: bench/run [--rounds N] [--mib N] [--js-mib N] [--dials N] [--out FILE]

  --rounds N   of each, taking turns (5)
  --mib N      Minke moves this much each way in a round (512); --js-mib N: js (64)
  --dials N    set-ups in a round (5)
  --out FILE   results as JSON (build/bench.json)
`;
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    mib: { type: 'string', default: '512' },
    'js-mib': { type: 'string', default: '64' },
    dials: { type: 'string', default: '5' },
    out: { type: 'string', default: `${root}build/bench.json` },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const dials = Number(options.dials);

/** Seconds of processor time that a process has used so far; null when it is gone. */
function cpu_of(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticks;
  } catch {
    return null;
  }
}

/** Runs a program to its end: its last JSON line, and its processor time as last seen. */
function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let last, cpu_s = 0;
    const timer = setInterval(() => { cpu_s = cpu_of(child.pid) ?? cpu_s; }, 10);
    createInterface({ input: child.stdout }).on('line', line => { last = line; });
    child.on('error', reject);
    child.on('close', code => {
      clearInterval(timer);
      if (code !== 0 || last == null) reject(new Error(`${command} ${args.join(' ')}: code ${code}`));
      else resolve({ cpu_s, ...JSON.parse(last) });
    });
  });
}

async function with_listener(command, args, use) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const address = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', text => {
        const line = JSON.parse(text);
        if (line.event === 'listening') resolve(line.addr);
      });
      child.on('exit', code => reject(new Error(`${command} ended with ${code}`)));
    });
    return await use(address, () => cpu_of(child.pid));
  } finally {
    child.kill('SIGTERM');
  }
}

const measured = (result, setup_ms, mib, listener_cpu_s) => ({
  setup_ms,
  upload: mib * MIB / 1e6 / result.upload_s,
  download: mib * MIB / 1e6 / result.download_s,
  dialer_cpu: result.cpu_s / (2 * mib * MIB / 1e9),
  listener_cpu: listener_cpu_s / (2 * mib * MIB / 1e9),
});

const minke_round = () => with_listener(minke, LISTEN, async (address, cpu) => {
  const setup_ms = [];
  for (let i = 0; i < dials; i++) setup_ms.push((await run(minke, ['dial', '--json', address])).setup_ms);
  const before = cpu();
  const mib = Number(options.mib);
  const result = await run(minke, ['perf', '--json', '--upload', `${mib}M`, '--download', `${mib}M`, address]);
  return measured(result, setup_ms, mib, cpu() - before);
});

const js_round = () => with_listener(process.execPath, [`${root}tests/interop/peers/js_listener.js`, ...LISTEN],
  async (address, cpu) => {
    const before = cpu();
    const mib = Number(options['js-mib']);
    const result = await run(process.execPath, [`${root}bench/js_dialer.mjs`, address, `${mib}`, `${dials}`]);
    return measured(result, result.setup_ms, mib, cpu() - before);
  });

function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0], median: sorted[sorted.length >> 1], max: sorted.at(-1) };
}

const rounds = { minke: [], js: [] };
for (let i = 0; i < Number(options.rounds); i++) {
  rounds.js.push(await js_round());
  rounds.minke.push(await minke_round());
}

const rows = [
  ['set-up, ms', round => round.setup_ms, 1],
  ['upload, MB/s', round => [round.upload], 0],
  ['download, MB/s', round => [round.download], 0],
  ['dialer CPU, s/GB', round => [round.dialer_cpu], 2],
  ['listener CPU, s/GB', round => [round.listener_cpu], 2],
];
const figures = {};
console.log(`${cpus().length} x ${cpus()[0].model}, loopback, ${options.rounds} rounds taking turns; min / median / max\n`);
console.log(`${''.padEnd(20)}${'minke'.padStart(26)}${'js-libp2p, Node'.padStart(26)}`);
for (const [name, pick, digits] of rows) {
  figures[name] = { minke: spread(rounds.minke.flatMap(pick)), js: spread(rounds.js.flatMap(pick)) };
  const cells = ['minke', 'js'].map(who => Object.values(figures[name][who]).map(value => value.toFixed(digits)).join(' / '));
  console.log(`${name.padEnd(20)}${cells.map(cell => cell.padStart(26)).join('')}`);
}

const median = (name, who) => figures[name][who].median;
const throughput = Math.min(...['upload, MB/s', 'download, MB/s'].map(name => median(name, 'minke') / median(name, 'js')));
const setup = median('set-up, ms', 'minke') / median('set-up, ms', 'js');
console.log(`\nthroughput: ${throughput.toFixed(1)} times that of js, the worse of both ways (wanted: at least 3)`);
console.log(`set-up: ${setup.toFixed(2)} of the time of js (wanted: less than 0.5)`);
mkdirSync(`${root}build`, { recursive: true });
const results = { machine: cpus()[0].model, cpus: cpus().length, node: process.version, options, figures, rounds,
  ratios: { throughput, setup } };
writeFileSync(options.out, `${JSON.stringify(results, null, 2)}\n`);
