// Runs the interop table. See options.js for the command line, plan.js for what runs.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { chromium_path, open_page, prepare_network } from './chromium.js';
import { start_listener, start_shim } from './listener.js';
import { cell_budget, narrow, plan } from './plan.js';
import { go_peer, has_go } from './go.js';
import { is_life, run_lives } from './lives.js';
import { identify_answer, minke_dials } from './minke_dials.js';
import { meet_example } from './meet_example.js';
import { page_example } from './page_example.js';
import { run_private_column } from './private.js';
import { families_of, run_relay_column } from './relays.js';
import { run_states } from './relay_states.js';
import { status_page } from './status_page.js';
import { LineProcess, say_exit } from './processes.js';
import { here, read_options, root } from './options.js';
import { print_result, print_table } from './table.js';
import { sleep } from '../peers/bytes.js';

const logs = `${root}build/interop/`;
const TEST_PROTOCOL_CELLS = ['half-close-there', 'reset-there', 'stop-there'];

function record(peer, cell, state, facts, ms) {
  if (peer.results.has(cell) || !peer.cells.includes(cell)) return;
  const result = { cell, state, facts, ms };
  peer.results.set(cell, result);
  print_result(peer, result);
}

/** Why nobody of a family can take part, or null. */
function missing_family(family) {
  if (family === 'go' && !has_go()) return 'Go is not installed (1.25 or later, apt-get install golang may be older)';
  if (family !== 'chromium') return null;
  return chromium_path() == null ? 'Chromium is not installed (apt-get install chromium)' : prepare_network();
}

/** Why a peer cannot run at all, or null. */
function what_is_missing(peer) {
  const why = missing_family(peer.kind === 'chromium' ? 'chromium' : peer.family);
  if (why != null) return why;
  const has_ip6 = Object.values(networkInterfaces()).flat().some(each => each.internal && each.family === 'IPv6');
  if (peer.listen.startsWith('/ip6/') && !has_ip6) return 'no IPv6 loopback address on this machine';
  return null;
}

function on_report(peer, listener, line) {
  if (line.event === 'cell') {
    const died = !line.ok && listener.ended != null ? ` [the listener is gone: ${say_exit(listener.ended)}]` : '';
    record(peer, line.cell, line.ok ? 'pass' : 'fail', line.facts + died, line.ms);
  }
  if (line.event === 'dialled' && line.cell === 'dial') peer.dialled = line.peer;
  if (line.event === 'closed') peer.closed = line.peer;
}

function start_node_peer(job, log_path) {
  return new LineProcess(process.execPath, [`${here}peers/node_peer.js`, JSON.stringify(job)], log_path);
}

async function run_node_job(options, peer, job, report) {
  const child = start_node_peer(job, `${logs}${peer.id}.peer.log`);
  child.each(report);
  return {
    done: child.find(line => line.event === 'done', 3_600_000).then(async line => {
      if (line == null) throw new Error(`the Node peer ended early: ${say_exit(await child.exit)}`);
    }),
    stop: () => child.stop(),
  };
}

async function run_go_job(options, peer, job, report) {
  const child = new LineProcess(go_peer(), ['-direct-version', `${job.version}`, '-cells', job.cells.join(','),
    job.address], `${logs}${peer.id}.peer.log`);
  child.each(report);
  return {
    done: child.find(line => line.event === 'done', 3_600_000).then(async line => {
      if (line == null) throw new Error(`the go peer ended early: ${say_exit(await child.exit)}`);
    }),
    stop: () => child.stop(),
  };
}

async function run_page_job(options, peer, job, report) {
  const { browser, page, version } = await open_page(peer, `${logs}${peer.id}.console.log`, report,
    options.packets ? `${logs}${peer.id}.chromium.log` : null);
  peer.software = `Chromium ${version}`;
  if (peer.cells.includes('munging-refused')) {
    const outcome = await page.evaluate(() => window.try_munging());
    record(peer, 'munging-refused', outcome === 'InvalidModificationError' ? 'pass' : 'fail', outcome);
  }
  const crashed = new Promise((_, reject) => {
    page.on('crash', () => reject(new Error('the page crashed')));
    browser.on('disconnected', () => reject(new Error('the browser went away')));
  });
  return {
    done: Promise.race([page.evaluate(job => window.run_job(job), job), crashed]),
    stop: () => browser.close(),
  };
}

/** The peer's own cells, with a limit on the whole. Cells without a result afterwards were not run. */
async function run_job(options, peer, listener, address) {
  const names = peer.cells.filter(name => !(listener.lacks_test_protocols && TEST_PROTOCOL_CELLS.includes(name)));
  for (const name of peer.cells.filter(name => !names.includes(name)))
    record(peer, name, 'not-run', 'minke listen has no --test-protocols');
  const job = {
    address,
    cells: names.filter(name => !is_life(peer, name)),
    params: peer.params,
    strict: peer.strict,
    version: peer.version ?? 1,
    user_agent: `interop ${peer.id}`,
  };
  const report = line => on_report(peer, listener, line);
  const limit = 60 + names.reduce((sum, name) => sum + cell_budget(name), 0);
  const start = { chromium: run_page_job, go: run_go_job, node: run_node_job }[peer.kind];
  const running = await start(options, peer, job, report);
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the peer did not end within ${limit} s`)), limit * 1000);
  });
  const gone = listener.exit.then(async exit => {
    await sleep(2000); // for the cell that was running to tell what it saw
    throw new Error(`the listener is gone: ${say_exit(exit)}`);
  });
  gone.catch(() => {});
  try {
    await Promise.race([running.done, late, gone]);
  } finally {
    clearTimeout(timer);
    // Whatever happens from here on, leaving the page or the process, is no failure of a cell.
    await running.stop().catch(() => {});
  }
}

async function judge_listener(peer, listener) {
  const says = async (event, id, within) => {
    return id != null && await listener.find(line => line.event === event && line.peer === id, within);
  };
  if (peer.cells.includes('connected-line')) {
    const line = await says('connected', peer.dialled, 1000);
    if (!line) record(peer, 'connected-line', 'fail', `no connected line for ${peer.dialled}`);
    else record(peer, 'connected-line', line.direction === 'in' ? 'pass' : 'fail', `${line.addr} ${line.direction}`);
  }
  if (peer.cells.includes('disconnected-line')) {
    const line = await says('disconnected', peer.closed, 10_000);
    if (!line) record(peer, 'disconnected-line', 'fail', `no disconnected line for ${peer.closed} within 10 s`);
    else record(peer, 'disconnected-line', 'pass', line.reason);
  }
  const early = listener.ended;
  const exit = await listener.stop();
  const clean = early == null && exit.code === 0;
  const how = early != null ? `ended by itself: ${say_exit(early)}` : say_exit(exit);
  record(peer, 'clean-exit', clean ? 'pass' : 'fail', how);
}

async function run_peer(options, peer) {
  peer.strict = !options.self_test;
  // A js listener leaves about one of 10,000 channels that Chromium opens unanswered for good.
  if (options.self_test) peer.params = { ...peer.params, sequence: 300 };
  const missing = what_is_missing(peer);
  if (missing != null) {
    for (const cell of peer.cells) record(peer, cell, 'not-run', missing);
    return;
  }
  const now = peer.cells.filter(name => !is_life(peer, name));
  if (now.length === 0) return;
  let listener, shim;
  try {
    const listens = { ...options, listener: peer.listener ?? (options.self_test ? 'js' : 'minke') };
    listener = await start_listener(listens, peer, `${logs}${peer.id}.listener.log`);
    if (peer.kind === 'minke') {
      await minke_dials(options, peer, listener, logs, record, line => on_report(peer, listener, line));
      if (peer.listener === 'minke') await judge_listener(peer, listener);
      return;
    }
    if (peer.path != null)
      shim = await start_shim(listener.address, peer.path, options.seed, `${logs}${peer.id}.shim.log`);
    await run_job(options, peer, listener, shim?.address ?? listener.address);
    if (peer.kind === 'go') await identify_answer(peer, listener, record);
    await judge_listener(peer, listener);
  } catch (error) {
    for (const cell of now) record(peer, cell, 'fail', error.message);
  } finally {
    await shim?.stop();
    await listener?.stop();
  }
  peer.shim = shim?.lines.find(line => line.event === 'result');
  for (const cell of now) record(peer, cell, 'not-run', 'the peer reported nothing');
}

/** Peers that mostly wait run beside the others, which take turns: two cores are not enough to measure two at once. */
async function run_all(options, peers) {
  const turns = async () => {
    const rest = [];
    for (const peer of peers.filter(each => !each.background && each.kind !== 'relay-states')) {
      if (peer.kind === 'private') rest.push(await run_private_column(options, peer, `${logs}${peer.id}`, record, missing_family));
      else if (peer.kind === 'relay') await run_relay_column(options, peer, `${logs}${peer.id}`, record, missing_family);
      else await run_peer(options, peer);
    }
    await Promise.all(rest.map(end => end()));
  };
  for (const peer of peers) peer.results = new Map();
  const by_itself = peer => !peer.kind.startsWith('relay') && peer.kind !== 'private';
  const able = peers.filter(peer => by_itself(peer) && what_is_missing(peer) == null);
  // A minute's work at first, during which nothing else moves here.
  if (able.some(peer => peer.family === 'go') || (options.wants_go && missing_family('go') == null)) go_peer();
  await Promise.all([
    run_lives(options, able, logs, record),
    ...peers.filter(each => each.background).map(peer => run_peer(options, peer)),
    run_states(options, peers.filter(each => each.kind === 'relay-states'), logs, record, missing_family),
    turns(),
  ]);
}

async function write_json(options, peers, took_ms) {
  const { dependencies } = JSON.parse(await readFile(`${here}package.json`));
  const results = {
    listener: options.self_test ? 'js' : options.minke,
    seed: Number(options.seed),
    took_ms,
    node: process.version,
    packages: dependencies,
    peers: peers.map(peer => ({
      peer: peer.id,
      family: peer.family,
      required: options.require.includes(peer.family),
      software: peer.software,
      path: peer.path,
      shim: peer.shim,
      cells: [...peer.results.values()],
    })),
  };
  writeFileSync(`${root}build/interop.json`, `${JSON.stringify(results, null, 2)}\n`);
}

async function demo(address) {
  const child = start_node_peer({ demo: true, address, user_agent: 'minke demo' }, `${logs}demo.log`);
  child.each(line => { if (line.event === 'say') console.log(`  ${line.text}`); });
  const done = await child.find(line => line.event === 'done', 120_000);
  await child.stop();
  return done?.ok ? 0 : 1;
}

async function main() {
  const options = read_options(process.argv.slice(2));
  mkdirSync(logs, { recursive: true });
  if (options.demo != null) return demo(options.demo);
  if (options.status != null) return status_page(options);
  const pictures = options.screenshot != null && !options.page && !options.meet;
  if (options.page || pictures) {
    const code = await page_example(options);
    if (!pictures || code !== 0) return code;
  }
  if (options.meet || pictures) return meet_example(options);
  const peers = narrow(plan(options), options.only);
  if (options.list) {
    for (const peer of peers) console.log(`${peer.id}: ${peer.cells.join(' ')}`);
    return 0;
  }
  if (!options.self_test && !existsSync(options.minke))
    throw new Error(`${options.minke} is not there: build it first`);
  const begun = Date.now();
  await run_all(options, peers);
  await write_json(options, peers, Date.now() - begun);
  print_table(peers);
  const count = { pass: 0, fail: 0, 'not-run': 0 };
  let bad = 0;
  for (const peer of peers) for (const { cell, state } of peer.results.values()) {
    const families = ['relay', 'private'].includes(peer.kind) ? families_of(peer, cell) : [peer.family];
    count[state]++;
    if (state === 'fail' || (state === 'not-run' && families.some(family => options.require.includes(family)))) bad++;
  }
  console.log(`\n${count.pass} passed, ${count.fail} failed, ${count['not-run']} skipped`);
  return bad === 0 ? 0 : 1;
}

try {
  process.exit(await main());
} catch (error) {
  console.error(`interop: ${error.message}`);
  process.exit(2);
}
