// What the examples of pages are tried with: programs that print lines, pages in Chromium, and cells, which are told what the
// ones before have made.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { chromium_path, prepare_network } from './chromium.js';

export const MiB = 1024 * 1024;
export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

export function check(what, condition) {
  if (!condition) throw new Error(`not so: ${what}`);
}

const running = new Set();
process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });

/** A program that prints lines and takes lines. */
export class Program {
  constructor(path, args) {
    this.lines = [];
    this.child = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    running.add(this.child);
    this.ended = new Promise(resolve => this.child.on('exit', (code, signal) => {
      running.delete(this.child);
      resolve(signal ?? code);
    }));
    this.child.on('error', error => this.lines.push(`! ${error.message}`));
    for (const output of [this.child.stdout, this.child.stderr])
      createInterface({ input: output }).on('line', line => this.lines.push(line));
  }

  tail() {
    return this.lines.filter(line => !/flood/.test(line)).slice(-30).map(line => `  ${line.slice(0, 200)}`).join('\n');
  }

  type(line) { this.child.stdin.write(`${line}\n`); }

  async says(pattern, within_ms = 5000) {
    for (const begun = Date.now(); Date.now() - begun < within_ms; await sleep(20)) {
      const found = this.lines.find(line => pattern.test(line));
      if (found != null) return found;
    }
    throw new Error(`${this.child.spawnfile} did not say ${pattern}; it said:\n${this.tail()}`);
  }

  async stop(signal = 'SIGINT') {
    this.child.kill(signal);
    return Promise.race([this.ended, sleep(5000).then(() => 'nothing for 5 s')]);
  }
}

export async function open(browser, link, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1080, height: 820 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', error => { page.fault = error; });
  await page.goto(link);
  return page;
}

export const shows = (page, selector, text) => page.locator(selector, { hasText: text }).first().waitFor();

export async function say(page, text) {
  await page.fill('#line', text);
  await page.press('#line', 'Enter');
}

/** Chooses a file of random bytes, made in the page: handing many through the driver takes longer than the transfer. */
export function choose_file(page, name, size) {
  return page.evaluate(([name, size]) => {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
    const chosen = new DataTransfer();
    chosen.items.add(new File([bytes], name));
    const input = document.getElementById('file');
    input.files = chosen.files;
    input.dispatchEvent(new Event('change'));
  }, [name, size]);
}

/** The hashes of the newest transfer, once it is done. */
export async function hashes(page) {
  const row = page.locator('#transfers li').first();
  await row.locator('.verdict').waitFor();
  check(`transfer done: ${await row.innerText()}`, await row.getAttribute('data-state') === 'done');
  return [await row.locator('.ours').getAttribute('title'), await row.locator('.theirs').getAttribute('title')];
}

/** Prints one line for each cell. Returns the exit code; `told()` is printed when something failed. */
export async function run_cells(cells, t, told) {
  let passed = 0, failed = 0;
  for (const [name, run] of Object.entries(cells)) {
    const begun = Date.now();
    try {
      const facts = await run(t);
      console.log(`pass  ${name}${facts ? `: ${facts}` : ''} (${((Date.now() - begun) / 1000).toFixed(1)} s)`);
      passed++;
    } catch (error) {
      console.log(`FAIL  ${name}: ${error.message}`);
      failed++;
    }
  }
  if (failed > 0) console.log(told());
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Runs with a directory that is removed afterwards, for at most `bound` ms. Without a browser that can be used nothing is
 * run, which fails if it is required. */
export async function with_browser({ screenshot, require }, files, bound, run) {
  for (const file of files) if (!existsSync(file)) throw new Error(`${file} is not built`);
  const missing = chromium_path() == null ? 'Chromium is not installed (apt-get install chromium)' : prepare_network();
  if (missing != null) {
    console.log(`not-run: ${missing}`);
    return require.includes('chromium') || screenshot != null ? 1 : 0;
  }
  const work = mkdtempSync(`${tmpdir()}/minke-page-`);
  const late = setTimeout(() => {
    console.error(`not done within ${bound / 1000} s`);
    rmSync(work, { recursive: true, force: true });
    process.exit(1);
  }, bound);
  try {
    return await run(work);
  } finally {
    clearTimeout(late);
    rmSync(work, { recursive: true, force: true });
  }
}
