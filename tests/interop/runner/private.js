// Private connections: two peers meet at a relay and agree there on a connection of their own. A column is a relay and the way
// to it; a cell DIALER-to-LISTENER is everything that the table asks of webrtc-direct, on such a connection, and
// again-DIALER-to-LISTENER twenty dials in a row.
import { clear, dial, make_stage, must_work, start_relay, start_reserving } from './actors.js';
import { launch } from './chromium.js';
import { dials_of, run_minke } from './minke_dials.js';
import { families_of } from './relays.js';
import { cells } from '../peers/cells.js';

// go has no private connections. A page cannot use TCP.
const KINDS = ['minke', 'js', 'chromium'];
const AGAIN = 'again-';
const TIMES = 20;
const SEQUENCE = 500; // of streams-2000 in js, which is slow at it; ids that are not reused show after 128
const pairs = KINDS.flatMap(dialer => KINDS.map(listener => `${dialer}-to-${listener}`));
export const PRIVATE_CELLS = [...pairs, ...pairs.map(pair => AGAIN + pair)];

const pair_of = cell => cell.replace(AGAIN, '');
const kinds_of = cell => pair_of(cell).split('-to-');
const has = (cell, kind) => kinds_of(cell).includes(kind);

// All that runs over webrtc-direct without --all. Of what else is there, echo-64MiB and the lossy cells are not the
// path's matter but SCTP's, which is the same; wrong-certhash and nobody-there have no such thing in the address.
const ALL = cells.map(cell => cell.name).filter(name => !name.startsWith('lossy') && name !== 'echo-64MiB');
// Where Minke dials, these are not the program's: the first is what the listener says, the others are the command's.
const COMMANDS = ['minke-dial', 'minke-ping', 'minke-id', 'minke-cat', 'perf-up', 'perf-down'];
const BESIDE = ['silence']; // 30 s during which the other pairs have their turns

const with_minke = pairs.filter(pair => has(pair, 'minke'));
const again = list => list.map(pair => AGAIN + pair);

/** What runs without --all: Minke with everybody, and two pages with each other. */
const CHOSEN = {
  'private-via-minke-tcp': with_minke.filter(pair => !has(pair, 'chromium')),
  'private-via-minke-ws': ['minke-to-chromium', 'chromium-to-minke', 'chromium-to-chromium'],
  'private-via-minke-direct': [...with_minke, 'chromium-to-chromium', ...again([...with_minke, 'chromium-to-chromium'])],
  'private-via-js-tcp': ['minke-to-minke', 'js-to-minke'],
};

/** The harness by itself: no Minke anywhere. */
const FOREIGN = {
  'private-via-js-tcp': ['js-to-js'],
  'private-via-js-ws': ['js-to-chromium', 'chromium-to-js', 'chromium-to-chromium'],
};

const possible = way => PRIVATE_CELLS.filter(cell => way !== 'tcp' || !has(cell, 'chromium'));

export function private_columns({ all, self_test }) {
  const columns = [];
  for (const relay of ['js', 'minke']) for (const way of ['tcp', 'ws', 'direct']) {
    const id = `private-via-${relay}-${way}`;
    const list = (self_test ? FOREIGN[id] : all ? possible(way) : CHOSEN[id]) ?? [];
    if (list.length > 0)
      columns.push({ id, kind: 'private', group: 'private', family: relay, relay, way, listen: '/ip4/', cells: list });
  }
  return columns;
}

function check_listener_line(line, peer) {
  if (line == null) throw new Error(`the listener does not say that ${peer} has a direct connection`);
  if (line.addr.includes('/p2p-circuit')) throw new Error(`the listener says the address ${line.addr}`);
  if (line.direction !== 'in') throw new Error(`the listener says the direction ${line.direction}`);
}

/** What Minke's program does not show by itself. */
async function minke_besides(stage, listener, peer, log) {
  const asked = each => each.event === 'identified' && each.peer === peer && each.limited === false;
  if (await listener.find(asked, 10_000) == null) throw new Error('identify-answer: the listener did not read our identify');
  const dials = dials_of(stage.options, listener.address, log);
  for (const name of COMMANDS) {
    try {
      await dials[name]();
    } catch (error) {
      throw new Error(`${name}: ${error.message}`);
    }
  }
}

async function run_pair(stage, listener, cell) {
  const [dialer] = kinds_of(cell);
  const is_minke = dialer === 'minke';
  const theirs = ALL.filter(name => !BESIDE.includes(name) && !(is_minke && (name.startsWith('perf') || name === 'identify-answer')));
  const options = { strict: listener.kind === 'minke', within: 240_000, params: { sequence: SEQUENCE } };
  const { peer, set_up } = await must_work(stage, dialer, listener.address, ['private-path', ...theirs], options);
  const direct = line => line.event === 'connected' && line.peer === peer && line.limited === false;
  check_listener_line(await listener.find(direct, 2000), peer);
  if (is_minke) await minke_besides(stage, listener, peer, `${stage.log}.${cell}.commands.log`);
  if (await listener.find(line => line.event === 'disconnected' && line.peer === peer, 10_000) == null)
    throw new Error(`the listener does not say within 10 s that ${peer} has gone`);
  const count = ALL.length + (is_minke ? COMMANDS.filter(name => !ALL.includes(name)).length : 0);
  return `${count} cells, ${set_up}`;
}

/** Each time a process that has never been there. */
async function minke_again(stage, address, log) {
  const times = [];
  for (let i = 1; i <= TIMES; i++) {
    const { result } = await run_minke(stage.options, log, ['dial', address]);
    if (!result?.ok || result.path !== 'private') throw new Error(`dial ${i} of ${TIMES}: ${JSON.stringify(result ?? null)}`);
    times.push(result.setup_ms);
  }
  return `${TIMES} dials, ${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)} ms each`;
}

async function run_again(stage, listener, cell) {
  const [dialer] = kinds_of(cell);
  if (dialer === 'minke') return minke_again(stage, listener.address, `${stage.log}.${cell}.log`);
  const { facts } = await must_work(stage, dialer, listener.address, ['private-again'], { within: 150_000 });
  return facts.join('; ');
}

/** Pages that dial a page need one that helps them, see init_channel.js. */
const for_pages = cell => pair_of(cell) === 'chromium-to-chromium';
const listener_of = cell => for_pages(cell) ? 'chromium, for pages' : kinds_of(cell)[1];

/** The listener of a cell, up and free of error. */
async function ready(listeners, cell) {
  const listener = await listeners[listener_of(cell)];
  if (listener instanceof Error) throw listener;
  return listener;
}

async function silence(stage, listeners, cell) {
  const listener = await ready(listeners, cell);
  const { of_cell } = await dial(stage, kinds_of(cell)[0], listener.address, BESIDE, { within: 90_000 });
  return of_cell('silence');
}

async function run_cells(stage, column, wanted, record) {
  const relay = await start_relay(stage, column.relay);
  const listeners = {};
  for (const cell of wanted) {
    const how = { direct: true, for_pages: for_pages(cell) };
    listeners[listener_of(cell)] ??= start_reserving(stage, kinds_of(cell)[1], relay.addresses[column.way], how)
      .catch(error => error);
  }
  await Promise.all(Object.values(listeners));
  const failed = error => ({ ok: false, facts: error.message });
  const beside = {};
  for (const cell of wanted.filter(each => !each.startsWith(AGAIN))) beside[cell] = silence(stage, listeners, cell).catch(failed);
  const after = async (cell, facts, took) => {
    const last = await beside[cell];
    if (last == null || last.ok) record(column, cell, 'pass', facts, took);
    else record(column, cell, 'fail', `silence: ${last.facts}`, took);
  };
  const ends = [];
  for (const cell of wanted) {
    const begun = Date.now();
    try {
      const listener = await ready(listeners, cell);
      const run = cell.startsWith(AGAIN) ? run_again : run_pair;
      ends.push(after(cell, await run(stage, listener, cell), Date.now() - begun));
    } catch (error) {
      record(column, cell, 'fail', error.message, Date.now() - begun);
    }
  }
  return () => Promise.all([...ends, ...Object.values(beside)]); // a promise itself would be waited for
}

/** All cells of a column, with one relay and one listener of each kind. `missing(kind)` is why somebody cannot take part. What
 * then only waits goes on by itself: a function that waits for its end is returned. */
export async function run_private_column(options, column, log, record, missing) {
  const why_not = cell => families_of(column, cell).map(missing).find(each => each != null);
  for (const cell of column.cells) if (why_not(cell) != null) record(column, cell, 'not-run', why_not(cell));
  const wanted = column.cells.filter(cell => why_not(cell) == null);
  if (wanted.length === 0) return async () => {};
  const browser = wanted.some(cell => has(cell, 'chromium')) ? await launch() : null;
  const stage = make_stage(options, log, browser);
  const finish = async () => {
    await clear(stage);
    await browser?.close();
  };
  try {
    const rest = await run_cells(stage, column, wanted, record);
    const finished = rest().then(finish, finish);
    return () => finished;
  } catch (error) {
    for (const cell of wanted) record(column, cell, 'fail', error.message);
    await finish();
    return async () => {};
  }
}
