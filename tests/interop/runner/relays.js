// Connections through relays: which relay, how its two clients reach it, and who they are. A column is a relay and the ways to
// it; a cell DIALER-to-LISTENER is a relayed dial with ping, identify and echo within the limits. What relays refuse, and
// when they end what they had given, is in relay_states.js.
import { carrier_of, clear, make_stage, must_work, start_relay, start_reserving } from './actors.js';
import { launch } from './chromium.js';
import { commands_over } from './minke_dials.js';

const CELLS = ['relayed-ping', 'relayed-identify', 'relayed-echo'];
const KINDS = ['minke', 'js', 'go', 'chromium'];
const pair = (dialer, listener) => `${dialer}-to-${listener}`;
export const PAIRS = KINDS.flatMap(dialer => KINDS.map(listener => pair(dialer, listener)));

const kinds_of = cell => cell.split('-to-');
const has = (cell, kind) => kinds_of(cell).includes(kind);
const is_tcp_only = cell => !has(cell, 'chromium');

/** What runs without --all: Minke with everybody through every kind of relay, and everybody through Minke's. */
const CHOSEN = {
  'via-minke-tcp': PAIRS.filter(is_tcp_only),
  'via-minke-ws': ['minke-to-minke', 'js-to-js', 'chromium-to-minke', 'minke-to-chromium'],
  'via-minke-direct': ['minke-to-minke', 'chromium-to-minke', 'minke-to-chromium', 'chromium-to-chromium', 'go-to-minke'],
  // Who listens has come by one way, who dials comes by another: the browser and the program.
  'via-minke-mixed': ['minke-to-chromium', 'js-to-chromium', 'js-to-minke', 'minke-to-js', 'go-to-minke'],
  'via-js-tcp': PAIRS.filter(cell => is_tcp_only(cell) && has(cell, 'minke')),
  'via-js-ws': ['minke-to-minke'],
  'via-js-direct': ['minke-to-minke', 'chromium-to-minke'],
  'via-go-tcp': PAIRS.filter(cell => is_tcp_only(cell) && has(cell, 'minke')),
  'via-go-ws': ['minke-to-minke'],
  'via-go-direct': ['minke-to-minke', 'chromium-to-minke'],
};

/** The harness by itself: no Minke anywhere. */
const FOREIGN = {
  'via-js-tcp': PAIRS.filter(is_tcp_only),
  'via-js-ws': ['js-to-js', 'go-to-js', 'js-to-go', 'chromium-to-js', 'js-to-chromium'],
  'via-js-direct': ['js-to-js', 'go-to-js', 'js-to-go', 'chromium-to-js', 'js-to-chromium', 'chromium-to-chromium'],
  'via-js-mixed': ['go-to-chromium'],
  'via-go-tcp': PAIRS.filter(is_tcp_only),
  'via-go-ws': ['js-to-js', 'go-to-js', 'js-to-go', 'chromium-to-js', 'js-to-chromium'],
  'via-go-direct': ['js-to-js', 'go-to-js', 'js-to-go', 'chromium-to-js', 'js-to-chromium'],
  'via-go-mixed': ['js-to-chromium'],
};

const possible = way => way === 'tcp' ? PAIRS.filter(is_tcp_only) : PAIRS;

/** The columns; a cell that wants go is there when go is. */
export function relay_columns({ all, self_test, wants_go }) {
  const columns = [];
  for (const relay of ['minke', 'js', 'go']) for (const way of ['tcp', 'ws', 'direct', 'mixed']) {
    const id = `via-${relay}-${way}`;
    let cells = (self_test ? FOREIGN[id] : all ? possible(way) : CHOSEN[id]) ?? [];
    if (self_test) cells = cells.filter(cell => !has(cell, 'minke'));
    if (relay === 'minke' && self_test) continue;
    if (!wants_go) cells = relay === 'go' ? [] : cells.filter(cell => !has(cell, 'go'));
    if (cells.length > 0) columns.push({ id, kind: 'relay', group: 'relays', family: relay, relay, way, listen: '/ip4/', cells });
  }
  return columns;
}

export const families_of = (column, cell) => [column.relay, ...kinds_of(cell.replace(/^again-/, ''))];

const WAYS = { mixed: ['direct', 'tcp'] }; // the listener's, the dialer's

/** The address of a listener, by another way to its relay. */
function by_way(listener, relay, way) {
  const from = relay.addresses[carrier_of(listener.address)];
  return listener.address.replace(from, relay.addresses[way]);
}

async function run_cell(stage, column, relay, listeners, cell) {
  const [dialer, listening] = kinds_of(cell);
  const [, way] = WAYS[column.way] ?? [column.way, column.way];
  const listener = await listeners[listening];
  if (listener instanceof Error) throw listener;
  const address = by_way(listener, relay, dialer === 'chromium' && way === 'tcp' ? 'ws' : way);
  const { peer, facts } = await must_work(stage, dialer, address, CELLS);
  const line = await listener.find(each => each.event === 'connected' && each.peer === peer, 2000);
  if (line == null) throw new Error(`the listener does not say that ${peer} has connected`);
  if (line.limited !== true) throw new Error(`the listener does not call it limited: ${JSON.stringify(line)}`);
  if (!line.addr.includes('/p2p-circuit')) throw new Error(`the listener says the address ${line.addr}`);
  if (line.direction !== 'in') throw new Error(`the listener says the direction ${line.direction}`);
  if (await listener.find(each => each.event === 'disconnected' && each.peer === peer, 10_000) == null)
    throw new Error(`the listener does not say within 10 s that ${peer} has gone`);
  if (dialer === 'minke') facts.push(await commands_over(stage.options, address, `${stage.log}.${cell}.commands.log`));
  return facts.join('; ');
}

/** All cells of a column, with one relay and one listener of each kind. `missing(kind)` is why somebody cannot take part. */
export async function run_relay_column(options, column, log, record, missing) {
  const wanted = [];
  for (const cell of column.cells) {
    const why = families_of(column, cell).map(missing).find(each => each != null);
    if (why != null) record(column, cell, 'not-run', why);
    else wanted.push(cell);
  }
  if (wanted.length === 0) return;
  const browser = wanted.some(cell => has(cell, 'chromium')) ? await launch() : null;
  const stage = make_stage(options, log, browser);
  try {
    const relay = await start_relay(stage, column.relay);
    const [way] = WAYS[column.way] ?? [column.way];
    const listeners = {};
    for (const kind of new Set(wanted.map(cell => kinds_of(cell)[1])))
      listeners[kind] = start_reserving(stage, kind, relay.addresses[way]).catch(error => error);
    for (const cell of wanted) {
      const begun = Date.now();
      try {
        record(column, cell, 'pass', await run_cell(stage, column, relay, listeners, cell), Date.now() - begun);
      } catch (error) {
        record(column, cell, 'fail', error.message, Date.now() - begun);
      }
    }
  } catch (error) {
    for (const cell of wanted) record(column, cell, 'fail', error.message);
  } finally {
    await clear(stage);
    await browser?.close();
  }
}
