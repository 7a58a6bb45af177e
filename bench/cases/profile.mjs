// Where the processor time of one stream goes.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { programs } from '../lib/cases.mjs';
import { run, with_server } from '../lib/processes.mjs';

const ADDRESS = '/ip4/127.0.0.1/udp/0/webrtc-direct';
const SHOWN = 14;
const OWNERS = [['libcrypto', 'crypto'], ['[kernel', 'kernel'], ['minke-flow', 'minke'], ['', 'rest']];

function not_run() {
  const tried = spawnSync('perf', ['record', '-q', '-o', '/dev/null', '--', 'true'], { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
  if (tried.error != null) return 'perf is not installed (linux-perf)';
  return tried.status === 0 ? null : 'perf may not look here (kernel.perf_event_paranoid)';
}

const recorded = (file, args) => ['perf', ['record', '-q', '-F', '997', '-o', file, '--', `${programs}minke-flow`, ...args]];

/** [{ percent, where, symbol }], the largest first. What has no symbol (assembly in a stripped library) is one entry a library. */
function costs_in(file) {
  const text = execFileSync('perf', ['report', '-i', file, '--stdio', '-q', '--no-children', '-s', 'dso,symbol', '--percent-limit', '0.01'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 24 });
  const costs = new Map();
  for (const [, percent, where, name] of text.matchAll(/^\s*([\d.]+)%\s+(\S+)\s+\[[.k]\]\s+(\S+)/gm)) {
    const symbol = name.startsWith('0x') ? 'without symbols' : name, key = `${where} ${symbol}`;
    if (!costs.has(key)) costs.set(key, { percent: 0, where, symbol });
    costs.get(key).percent += Number(percent);
  }
  return [...costs.values()].sort((a, b) => b.percent - a.percent);
}

function summary(costs) {
  const sums = { kernel: 0, crypto: 0, minke: 0, rest: 0 };
  for (const { percent, where } of costs) sums[OWNERS.find(([part]) => where.includes(part))[1]] += percent;
  return { ...sums, costs: costs.slice(0, SHOWN) };
}

/** One run under perf gives both ends: the second row tells what the first has seen. */
let receiver;
async function record(seconds) {
  const folder = mkdtempSync(`${tmpdir()}/minke-profile-`);
  try {
    const [command, args] = recorded(`${folder}/receiver`, ['--listen', ADDRESS]);
    await with_server(command, args, { core: 1 }, addr =>
      run(...recorded(`${folder}/sender`, ['--seconds', `${seconds}`, addr]), { core: 0 }));
    receiver = summary(costs_in(`${folder}/receiver`));
    return summary(costs_in(`${folder}/sender`));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function costs_table({ rows }) {
  const [sender, other] = rows.map(row => row.rounds[0]?.costs ?? []);
  if (sender.length === 0) return null;
  const place = where => where.startsWith('[') ? ', kernel' : where.startsWith('lib') ? `, ${where.split('.')[0]}` : '';
  const cells = costs => costs.map(({ percent, symbol, where }) =>
    `${percent.toFixed(1)} | ${symbol.includes(' ') ? symbol : `\`${symbol}\``}${place(where)}`);
  const [left, right] = [cells(sender), cells(other)];
  const lines = left.map((cell, i) => `| ${cell} | ${right[i] ?? ' | '} |`);
  return ['| % | sender | % | receiver |', '| --- | --- | --- | --- |', ...lines].join('\n');
}

export default {
  order: 90,
  title: 'Where the time goes',
  about: 'One stream of Minke again, both ends under `perf record`: the share of the processor time that is spent in the kernel, in ' +
    'OpenSSL\'s libcrypto, in Minke itself and in the rest (the C library).',
  rounds: 1,
  measures: {
    kernel: { title: 'kernel', unit: '%', digits: 1 },
    crypto: { title: 'libcrypto', unit: '%', digits: 1 },
    minke: { title: 'Minke', unit: '%', digits: 1 },
    rest: { title: 'rest', unit: '%', digits: 1 },
  },
  rows: () => [
    { name: 'sender', title: 'sender', not_run, run: ({ seconds }) => record(2 * seconds) },
    { name: 'receiver', title: 'receiver', not_run, run: async () => receiver ?? { not_run: 'nothing was recorded' } },
  ],
  notes: costs_table,
};
