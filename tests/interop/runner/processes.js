// Child processes that print one JSON object per line: the listener, the shim, the Node peer.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

export class LineProcess {
  constructor(command, args, log_path, { env } = {}) {
    this.lines = [];
    this.watchers = new Set();
    this.log = createWriteStream(log_path);
    this.log.write(`$ ${command} ${args.join(' ')}\n`);
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    running.add(this.child);
    this.child.stderr.on('data', data => this.log.write(data));
    const reader = createInterface({ input: this.child.stdout });
    const drained = new Promise(resolve => reader.on('close', resolve));
    reader.on('line', text => this.take(text));
    this.exit = new Promise(resolve => {
      this.child.on('error', error => resolve({ error: error.message }));
      this.child.on('exit', async (code, signal) => {
        await drained;
        resolve({ code, signal });
      });
    }).then(exit => {
      running.delete(this.child);
      this.ended = exit;
      this.log.write(`-- ${say_exit(exit)}\n`);
      return exit;
    });
  }

  take(text) {
    this.log.write(`${text}\n`);
    let line;
    try {
      line = JSON.parse(text);
    } catch {
      return; // whatever else is printed is in the log
    }
    this.lines.push(line);
    for (const watch of this.watchers) watch(line);
  }

  /** Every line, those already printed as well. */
  each(watch) {
    this.lines.forEach(watch);
    this.watchers.add(watch);
  }

  /** The first line that fits; null when none came in time or before the end. */
  async find(fits, within_ms) {
    const found = this.lines.find(fits);
    if (found != null) return found;
    let watch, timer;
    const line = await Promise.race([
      new Promise(resolve => {
        watch = line => { if (fits(line)) resolve(line); };
        this.watchers.add(watch);
      }),
      new Promise(resolve => { timer = setTimeout(resolve, within_ms, null); }),
      this.exit.then(() => null),
    ]);
    clearTimeout(timer);
    this.watchers.delete(watch);
    return line;
  }

  /** SIGTERM, then SIGKILL. Returns how it ended. */
  async stop(patience_ms = 5000) {
    if (this.ended != null) return this.ended;
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => {
      this.killed = true;
      this.child.kill('SIGKILL');
    }, patience_ms);
    const exit = await this.exit;
    clearTimeout(timer);
    return exit;
  }
}

export function say_exit({ code, signal, error }) {
  if (error != null) return `could not be started: ${error}`;
  return signal != null ? `killed by ${signal}` : `exit code ${code}`;
}
