// Processes that are measured: pinned to a core, bounded in time, their processor time known.
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';

const ticks = Number(execFileSync('getconf', ['CLK_TCK']));

function can_pin() {
  try {
    execFileSync('taskset', ['-c', '0', 'true'], { stdio: 'ignore' });
    return cpus().length > 1;
  } catch {
    return false;
  }
}

/** Ends a program and all that it has started: each is a process group. */
function kill_all(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {} // nobody is left
}

/** What is still there when this program ends, whyever, ends with it. */
const alive = new Set();
process.on('exit', () => { for (const child of alive) kill_all(child); });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Whether `core` means anything here. */
export const pinned = can_pin();

/** Seconds of processor time that a process has used so far: exact for one with a single thread, else to 10 ms. NaN when it is
 * gone. */
export function cpu_of(pid) {
  try {
    if (readdirSync(`/proc/${pid}/task`).length === 1) return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e9;
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / ticks;
  } catch {
    return NaN;
  }
}

/** Resident memory of a process, bytes; NaN when it is gone. */
export function resident_of(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;
  } catch {
    return NaN;
  }
}

/**
 * Starts a program that speaks JSON, one object a line, on its standard output.
 *   core: the one it is pinned to (any, by default); limit_s: it is killed after so long; env, cwd as in spawn
 * The result has `pid`; `lines`: all so far; `line(test)`: a promise of the first line that passes the test, also one that came
 * before; `done`: a promise of the last line, which fails unless the program ends well; `end()`: ends it and waits for that.
 */
export function start(command, args, { core, limit_s = 60, env, cwd } = {}) {
  const [program, all] = pinned && core != null ? ['taskset', ['-c', `${core}`, command, ...args]] : [command, args];
  const child = spawn(program, all, { stdio: ['ignore', 'pipe', 'pipe'], env: env ?? process.env, cwd, detached: true });
  const name = `${command.split('/').at(-1)} ${args.join(' ')}`;
  alive.add(child);
  const lines = [], waiting = new Set();
  let complaint = '', late = false;
  child.stderr.on('data', data => { complaint = (complaint + data).slice(-400); });
  createInterface({ input: child.stdout }).on('line', text => {
    let line;
    try {
      line = JSON.parse(text);
    } catch {
      return;
    }
    lines.push(line);
    for (const waiter of waiting) if (waiter.test(line)) waiter.found(line);
  });
  const timer = setTimeout(() => {
    late = true;
    kill_all(child);
  }, limit_s * 1000);
  const ended = new Promise(resolve => {
    child.on('error', error => resolve({ error }));
    child.on('exit', () => kill_all(child));
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  const over = ended.then(({ error, code, signal }) => {
    clearTimeout(timer);
    alive.delete(child);
    const why = error?.message ?? (late ? `not done within ${limit_s} s` : `ended with ${code ?? signal}`);
    const failure = new Error(`${name}: ${why} ${complaint.trim().split('\n').at(-1)}`.trim());
    for (const waiter of waiting) waiter.failed(failure);
    return { ok: code === 0 && lines.length > 0, failure };
  });
  return {
    pid: child.pid,
    lines,
    line: test => new Promise((found, failed) => {
      const there = lines.find(test);
      if (there != null) found(there);
      else if (child.exitCode != null) over.then(({ failure }) => failed(failure));
      else waiting.add({ test, found, failed });
    }),
    get done() {
      return over.then(({ ok, failure }) => {
        if (!ok) throw failure;
        return lines.at(-1);
      });
    },
    async end() {
      child.kill('SIGTERM');
      const hard = setTimeout(() => kill_all(child), 2000);
      await over;
      clearTimeout(hard);
    },
  };
}

/** Runs a program to its end: its last line. */
export const run = (command, args, options) => start(command, args, options).done;

/** Runs `use` with the first line of a server that has an `addr`, and with the server; then ends that. */
export async function with_server(command, args, options, use) {
  const server = start(command, args, options);
  try {
    const { addr } = await server.line(line => line.addr != null);
    return await use(addr, server);
  } finally {
    await server.end();
  }
}
