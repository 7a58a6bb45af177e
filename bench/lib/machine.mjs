// The machine: what it is, how busy it is.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './cases.mjs';

function output_of(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', cwd: root, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

/** What numbers depend on. `commit` has a + behind it when files differ from it. */
export function describe_machine() {
  const changed = output_of('git', 'status', '--porcelain', '--untracked-files=no');
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory_gib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    compiler: output_of('cc', '--version')?.split('\n')[0] ?? null,
    openssl: output_of('openssl', 'version')?.split(' ').slice(0, 2).join(' ') ?? null,
    node: process.version,
    commit: `${output_of('git', 'rev-parse', '--short', 'HEAD') ?? 'unknown'}${changed ? '+' : ''}`,
  };
}

function cpu_times() {
  const [, ...ticks] = readFileSync('/proc/stat', 'latin1').split('\n')[0].split(/\s+/).map(Number);
  const [user, nice, system, idle, iowait, irq, softirq, steal] = ticks;
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, all: busy + idle + iowait };
}

/** Waits until nobody else uses more than 8 % of the machine, at most so many seconds. Returns the share of the last look. */
export async function quiet(patience_s) {
  for (let waited = 0;; waited += 0.2) {
    const before = cpu_times();
    await sleep(200);
    const now = cpu_times();
    const share = (now.busy - before.busy) / Math.max(1, now.all - before.all);
    if (share <= 0.08 || waited >= patience_s) return share;
  }
}

/** Load of the last minute. */
export const load = () => loadavg()[0];
