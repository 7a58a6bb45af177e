// The relays, and who listens and dials through them: Minke, js, go, or a page, each started and asked in the same way.
// A stage holds what one scene has started: { options, log, processes, browser }.
import { rmSync } from 'node:fs';
import { new_page } from './chromium.js';
import { go_peer } from './go.js';
import { dialer_program } from './lives.js';
import { run_minke } from './minke_dials.js';
import { LineProcess, say_exit } from './processes.js';
import { here } from './options.js';

export const CARRIERS = ['tcp', 'ws', 'direct'];
const LISTEN = { tcp: '/ip4/127.0.0.1/tcp/0', ws: '/ip4/127.0.0.1/tcp/0/ws', direct: '/ip4/127.0.0.1/udp/0/webrtc-direct' };
const PATIENCE = 20_000;

export function make_stage(options, log, browser) {
  return { options, log, browser, processes: [], pages: [], started: 0 };
}

export async function clear(stage) {
  for (const each of stage.processes) each.child.kill('SIGKILL');
  await Promise.all(stage.pages.map(page => page.close().catch(() => {})));
}

function spawn(stage, name, command, args) {
  stage.started++;
  const child = new LineProcess(command, args, `${stage.log}.${stage.started}.${name}.log`);
  stage.processes.push(child);
  return child;
}

export const carrier_of = address => address.includes('/webrtc-direct') ? 'direct' : address.includes('/ws') ? 'ws' : 'tcp';

const words_of = limits => Object.entries(limits).flatMap(([name, value]) => [`--${name}`, `${value}`]);

/** Started again with `at` (addresses that it had) and the same `name`, it is the same peer. */
export async function start_relay(stage, kind, limits = {}, { at, name = 'relay' } = {}) {
  const place = carrier => at == null ? LISTEN[carrier] : at[carrier].split(/\/(?:certhash|p2p)\//)[0];
  const listen = CARRIERS.flatMap(carrier => ['--listen', place(carrier)]);
  const key = `${stage.log}.${name}.key`;
  if (at == null) rmSync(key, { force: true });
  const args = [...listen, ...words_of(limits)];
  const relay = {
    minke: () => spawn(stage, name, stage.options.minke, ['relay', '--json', '--key', key, ...args]),
    js: () => spawn(stage, name, process.execPath, [`${here}peers/js_listener.js`, 'relay', '--json', '--seed', '7', ...args]),
    go: () => spawn(stage, name, go_peer(), ['--serve-relay', '--seed', '7', ...args]),
  }[kind]();
  relay.addresses = {};
  await relay.find(line => {
    if (line.event === 'listening') relay.addresses[carrier_of(line.addr)] = line.addr;
    return CARRIERS.every(carrier => relay.addresses[carrier] != null);
  }, PATIENCE);
  const missing = CARRIERS.filter(carrier => relay.addresses[carrier] == null);
  if (missing.length > 0) throw new Error(`the ${kind} relay has no address for ${missing}, ${say_exit(relay.ended ?? {})}`);
  return relay;
}

/** A page as if it were a process: its lines, and its end. */
async function open_actor(stage) {
  const actor = new PageActor();
  stage.started++;
  actor.page = await new_page(stage.browser, `${stage.log}.${stage.started}.console.log`, line => actor.take(line));
  stage.pages.push(actor.page);
  return actor;
}

class PageActor {
  lines = [];
  watchers = new Set();

  take(line) {
    this.lines.push(line);
    for (const watch of this.watchers) watch(line);
  }

  async find(fits, within_ms) {
    const found = this.lines.find(fits);
    if (found != null) return found;
    let watch, timer;
    const line = await Promise.race([
      new Promise(resolve => {
        watch = each => { if (fits(each)) resolve(each); };
        this.watchers.add(watch);
      }),
      new Promise(resolve => { timer = setTimeout(resolve, within_ms, null); }),
    ]);
    clearTimeout(timer);
    this.watchers.delete(watch);
    return line;
  }
}

async function begin_reserving(stage, kind, relay, { refresh, direct, for_pages }) {
  const name = `${kind}-listener`;
  const tests = direct ? ['--test-protocols'] : [];
  const minke = ['listen', '--json', '--relay', relay, ...tests, ...verbose(stage)];
  if (kind === 'minke') return spawn(stage, name, stage.options.minke, minke);
  if (kind === 'go') return spawn(stage, name, go_peer(), ['--relay', relay, ...(refresh ? [] : ['--no-refresh'])]);
  const js = [`${here}peers/js_listener.js`, 'listen', '--json', '--relay', relay, ...(direct ? ['--private'] : []), ...tests];
  if (kind === 'js') return spawn(stage, name, process.execPath, js);
  const actor = await open_actor(stage);
  actor.page.evaluate(job => window.listen(job), { relay, direct, for_pages, user_agent: 'page listener' }).catch(() => {});
  return actor;
}

const verbose = stage => stage.options.verbose ? ['-vv'] : [];

/** Who listens through the relay; with `address`, the circuit's, or with `direct` that of private webrtc. */
export async function start_reserving(stage, kind, relay, { refresh = true, direct = false, for_pages = false } = {}) {
  const listener = await begin_reserving(stage, kind, relay, { refresh, direct, for_pages });
  listener.kind = kind;
  const begins = `${relay}/p2p-circuit/${direct ? 'webrtc/p2p/' : 'p2p/'}`;
  const is_circuit = line => line.event === 'listening' && line.addr.startsWith(begins);
  const line = await listener.find(is_circuit, PATIENCE);
  if (line == null) throw new Error(`${kind} does not listen through the relay: ${last_words(listener)}`);
  listener.address = line.addr;
  return listener;
}

const last_words = actor => JSON.stringify(actor.lines.at(-1) ?? say_exit(actor.ended ?? {}));

/** What a listener says that the relay refuses: the line in which the status stands. */
export async function refusal(stage, kind, relay, status) {
  const listener = await begin_reserving(stage, kind, relay, { refresh: true, direct: false });
  const line = await listener.find(each => is_status(JSON.stringify(each), status), PATIENCE);
  if (line == null) throw new Error(`${kind} was not refused with ${status}: ${last_words(listener)}`);
  return `${kind}: ${line.error ?? line.reason ?? JSON.stringify(line)}`;
}

// As Minke says it.
const SENTENCES = {
  RESERVATION_REFUSED: 'takes no more reservations',
  RESOURCE_LIMIT_EXCEEDED: 'too many circuits are open',
  CONNECTION_FAILED: 'could not reach the peer',
  NO_RESERVATION: 'has no reservation',
};

/** RESERVATION_REFUSED, or in words. */
const is_status = (text, status) => text.includes(status) || text.includes(SENTENCES[status]);

/** Dials and runs cells; the lines that came, those of cells by their name. */
export async function dial(stage, kind, address, cells, { within = 60_000, strict = false, params = {} } = {}) {
  const job = { address, cells, user_agent: `${kind} dialer`, strict, params };
  if (kind === 'chromium') return dial_from_page(stage, job, within);
  const name = `${kind}-dialer`;
  const child = {
    minke: () => spawn(stage, name, dialer_program, ['1', address, ...cells]),
    go: () => spawn(stage, name, go_peer(), ['-cells', cells.join(','), address]),
    js: () => spawn(stage, name, process.execPath, [`${here}peers/node_peer.js`, JSON.stringify(job)]),
  }[kind]();
  const late = setTimeout(() => child.child.kill('SIGKILL'), within);
  const exit = await child.exit;
  clearTimeout(late);
  return told(child.lines, () => `${kind} ended: ${say_exit(exit)}`);
}

async function dial_from_page(stage, job, within) {
  const actor = await open_actor(stage);
  actor.page.evaluate(job => window.run_job(job), job).catch(error => actor.take({ event: 'done', error: error.message }));
  await actor.find(line => line.event === 'done', within);
  const lines = [...actor.lines];
  await actor.page.close();
  return told(lines, () => 'the page did not end in time');
}

function told(lines, how) {
  const of_cell = name => lines.find(line => line.event === 'cell' && line.cell === name) ??
    { ok: false, facts: `${name}: nothing was reported, ${how()}` };
  return { peer: lines.find(line => line.event === 'dialled')?.peer, of_cell };
}

/** A dial that must succeed, with all of its cells. Returns the peer that dialled, and what the cells found. */
export async function must_work(stage, kind, address, cells, options) {
  const { peer, of_cell } = await dial(stage, kind, address, cells, options);
  for (const name of ['dial', ...cells]) {
    const { ok, facts } = of_cell(name);
    if (!ok) throw new Error(`${kind}, ${name}: ${facts}`);
  }
  return { peer, facts: cells.map(name => of_cell(name).facts), set_up: of_cell('dial').facts.split(',')[0] };
}

/** A dial that must fail, for the reason that the status names. */
export async function must_fail(stage, kind, address, status) {
  let text;
  if (kind === 'minke') {
    const { result, exit } = await run_minke(stage.options, `${stage.log}.minke-dial.log`, ['dial', '--timeout', '60', address]);
    if (result?.ok !== false || result.layer !== 'relay')
      throw new Error(`minke dial: ${say_exit(exit)}, ${JSON.stringify(result ?? null)}`);
    text = `${result.layer}: ${result.error}`;
  } else {
    const { of_cell } = await dial(stage, kind, address, ['relayed-ping']);
    if (of_cell('dial').ok) throw new Error(`${kind} could dial`);
    text = of_cell('dial').facts;
  }
  if (!is_status(text, status)) throw new Error(`${kind} says, instead of ${status}: ${text}`);
  return `${kind}: ${status}`;
}

/** Somebody who holds a stream for as long as the stage is there. */
export async function hold(stage, kind, address) {
  const [command, args] = {
    minke: () => [dialer_program, ['1', address, 'hold']],
    go: () => [go_peer(), ['-hold', address]],
    js: () => [process.execPath, [`${here}peers/hold.js`, address]],
  }[kind]();
  const child = spawn(stage, `${kind}-hold`, command, args);
  const line = await child.find(each => each.event === 'holding' || each.event === 'cell', PATIENCE);
  if (line?.event !== 'holding') throw new Error(`${kind} does not hold a stream: ${line?.facts ?? last_words(child)}`);
  return child;
}
