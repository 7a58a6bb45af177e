// Chromium with the page that holds the peer.
import { execFileSync } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { networkInterfaces } from 'node:os';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { here } from './options.js';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
// A container has neither a sandbox nor a network beyond itself; a page must not be slowed for being unseen.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows', '--disable-dev-shm-usage'];
// dcSCTP then logs every packet before encryption; its SCTP_PACKET lines become a capture with
// `text2pcap -n -l 248 -D -t '%H:%M:%S.'`.
const LOGGING = ['--enable-logging', '--v=0', '--vmodule=*/webrtc/*=3,*dcsctp*=3,*sctp*=3'];
const STAND_IN = 'minke0';

export function chromium_path() {
  return process.env.CHROMIUM ?? PROGRAMS.find(existsSync);
}

/** Chromium gathers no candidate on loopback, and without any candidate it does not send, not even to 127.0.0.1: some
 * other interface has to be up. Returns what is missing, or null. */
export function prepare_network() {
  const others = Object.values(networkInterfaces()).flat().filter(each => !each.internal && each.family === 'IPv4');
  if (others.length > 0) return null;
  try {
    const ip = words => execFileSync('ip', words.split(' '), { stdio: 'pipe' });
    process.on('exit', () => { try { ip(`link del ${STAND_IN}`); } catch {} });
    ip(`link add ${STAND_IN} type veth peer name ${STAND_IN}-end`); // not every kernel has a dummy device
    ip(`link set ${STAND_IN}-end up`);
    ip(`addr add 192.0.2.1/24 dev ${STAND_IN}`);
    ip(`link set ${STAND_IN} up`);
    ip(`route add default via 192.0.2.2 dev ${STAND_IN}`);
    return null;
  } catch (error) {
    return `no network interface but loopback, and none can be made: ${String(error.stderr ?? error.message).trim()}`;
  }
}

let page_server;

/** Serves the bundled page on a free port of localhost; one server for all browsers. */
export async function serve_page() {
  page_server ??= (async () => {
    const bundle = await build({
      entryPoints: [`${here}peers/page.js`], bundle: true, write: false, format: 'esm', platform: 'browser',
      target: 'chrome120', logLevel: 'error',
    });
    const files = {
      '/page.js': ['text/javascript', bundle.outputFiles[0].contents],
      '/page.html': ['text/html', await readFile(`${here}peers/page.html`)],
    };
    const server = createServer((request, response) => {
      const [type, body] = files[request.url] ?? ['text/plain', ''];
      response.writeHead(body === '' ? 404 : 200, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(body);
    });
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    return `http://127.0.0.1:${server.address().port}/page.html`;
  })();
  return page_server;
}

export async function launch(args = [], env = process.env) {
  return chromium.launch({ executablePath: chromium_path(), headless: true, args: [...FLAGS, ...args], env });
}

/** A page of ours in a browser that is there. */
export async function new_page(browser, log_path, report) {
  const url = await serve_page();
  const log = createWriteStream(log_path);
  log.write(`Chromium ${browser.version()}\n`);
  const page = await browser.newPage();
  page.on('console', message => log.write(`${message.type()}: ${message.text()}\n`));
  page.on('pageerror', error => log.write(`error: ${error.stack}\n`));
  page.on('crash', () => report({ event: 'progress', text: 'the page crashed' }));
  await page.exposeFunction('report', line => {
    log.write(`${JSON.stringify(line)}\n`);
    report(line);
  });
  await page.goto(url);
  await page.waitForFunction(() => window.run_job != null);
  return page;
}

/** A page in a browser of its own. */
export async function open_page(peer, log_path, report, packet_log) {
  const args = packet_log != null ? [...LOGGING] : [];
  const env = packet_log != null ? { ...process.env, CHROME_LOG_FILE: packet_log } : process.env;
  if (peer.trials != null) args.push(`--force-fieldtrials=${peer.trials}`);
  const browser = await launch(args, env);
  try {
    return { browser, page: await new_page(browser, log_path, report), version: browser.version() };
  } catch (error) {
    await browser.close();
    throw error;
  }
}
