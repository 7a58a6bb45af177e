// What relays refuse, and when they end what they had given. Each cell has a relay of its own, with the limits that it
// needs, and mostly waits.
import { sleep } from '../peers/bytes.js';
import { clear, hold, make_stage, must_fail, must_work, refusal, start_relay, start_reserving } from './actors.js';

const NOBODY = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq';

/** Who dials and who listens in the cells of a relay: all that Minke's relay has to do with, or Minke alone. */
function casts({ relay, self_test, go }) {
  if (self_test) return { dialers: go ? ['js', 'go'] : ['js'], listeners: go ? ['js', 'go'] : ['js'] };
  if (relay !== 'minke') return { dialers: ['minke'], listeners: ['minke'] };
  return { dialers: go ? ['minke', 'js', 'go'] : ['minke', 'js'], listeners: go ? ['minke', 'js', 'go'] : ['minke', 'js'] };
}

/** For each, one after the other; the facts of all. */
async function of_each(kinds, run) {
  const facts = [];
  for (const kind of kinds) facts.push(await run(kind));
  return facts.join('; ');
}

async function no_reservation(stage, { relay, dialers }) {
  const { addresses } = await start_relay(stage, relay);
  return of_each(dialers, kind => must_fail(stage, kind, `${addresses.tcp}/p2p-circuit/p2p/${NOBODY}`, 'NO_RESERVATION'));
}

async function refused_reservation(stage, { relay, listeners }) {
  const { addresses } = await start_relay(stage, relay, { 'max-reservations': 1 });
  const first = await start_reserving(stage, listeners[0], addresses.tcp);
  const facts = await of_each(listeners, kind => refusal(stage, kind, addresses.tcp, 'RESERVATION_REFUSED'));
  await must_work(stage, listeners[0], first.address, ['relayed-ping']); // who was there first is not disturbed
  return facts;
}

async function target_gone(stage, { relay, dialers, listeners }) {
  const { addresses } = await start_relay(stage, relay);
  const listener = await start_reserving(stage, listeners[0], addresses.tcp);
  listener.child.kill('SIGKILL');
  await listener.exit;
  await sleep(500);
  return of_each(dialers, kind => must_fail(stage, kind, listener.address, 'NO_RESERVATION'));
}

/** The target is there, but it does not answer the relay. */
async function target_silent(stage, { relay, dialers, listeners }) {
  const { addresses } = await start_relay(stage, relay);
  const listener = await start_reserving(stage, listeners[0], addresses.tcp);
  listener.child.kill('SIGSTOP');
  const begun = Date.now();
  const facts = await must_fail(stage, dialers[0], listener.address, 'CONNECTION_FAILED');
  return `${facts} after ${((Date.now() - begun) / 1000).toFixed(1)} s`;
}

/** Beyond the limit the circuit ends on both sides, and a new one may be had. */
async function limit(stage, { relay, dialers, listeners }, limits, cell) {
  const { addresses } = await start_relay(stage, relay, limits);
  const listener = await start_reserving(stage, listeners[0], addresses.tcp);
  return of_each(dialers, async kind => {
    const { peer, facts } = await must_work(stage, kind, listener.address, [cell]);
    const line = await listener.find(each => each.event === 'disconnected' && each.peer === peer, 10_000);
    if (line == null) throw new Error(`the listener does not say within 10 s that ${peer} has gone`);
    await must_work(stage, kind, listener.address, ['relayed-ping']);
    return `${kind}: ${facts[0]}`;
  });
}

const byte_limit = (stage, cast) => limit(stage, cast, { 'circuit-bytes': 65536 }, 'byte-limit');
const time_limit = (stage, cast) => limit(stage, cast, { 'circuit-seconds': 4 }, 'time-limit');

/** js refreshes 30 s after it has reserved, at the earliest. */
async function refresh(stage, { relay, dialers, listeners }) {
  const ttl = listeners.includes('js') ? 40 : 10;
  const { addresses } = await start_relay(stage, relay, { 'reservation-ttl': ttl });
  const all = await Promise.all(listeners.map(kind => start_reserving(stage, kind, addresses.tcp)));
  await sleep((ttl + 4) * 1000);
  const facts = await of_each(all, async listener => {
    await must_work(stage, dialers[0], listener.address, ['relayed-echo']);
    return listener.kind;
  });
  return `${facts} still there ${ttl + 4} s after a reservation of ${ttl} s`;
}

/** js does not refresh before 30 s, so its reservation ends; go is told not to. */
async function expiry(stage, { relay, dialers, listeners }) {
  const { addresses } = await start_relay(stage, relay, { 'reservation-ttl': 5 });
  const kind = listeners.includes('go') ? 'go' : 'js';
  const listener = await start_reserving(stage, kind, addresses.tcp, { refresh: false });
  await must_work(stage, dialers[0], listener.address, ['relayed-ping']);
  await sleep(6500);
  return of_each(dialers, each => must_fail(stage, each, listener.address, 'NO_RESERVATION'));
}

async function too_many_circuits(stage, { relay, dialers, listeners }) {
  const { addresses } = await start_relay(stage, relay, { 'max-circuits-per-peer': 2 });
  const listener = await start_reserving(stage, listeners[0], addresses.tcp);
  await Promise.all([hold(stage, dialers[0], listener.address), hold(stage, dialers[0], listener.address)]);
  return of_each(dialers, kind => must_fail(stage, kind, listener.address, 'RESOURCE_LIMIT_EXCEEDED'));
}

async function nonsense(stage, { relay }) {
  const { addresses } = await start_relay(stage, relay);
  const cells = ['hop-malformed', 'hop-unexpected', 'hop-bad-peer', 'ping'];
  return (await must_work(stage, 'go', addresses.tcp, cells)).facts.join(', ');
}

/** The relay is killed and there again: the listener reserves anew, by itself. */
async function relay_restarted(stage, { relay, dialers, listeners }) {
  const first = await start_relay(stage, relay);
  const listener = await start_reserving(stage, listeners[0], first.addresses.tcp);
  first.child.kill('SIGKILL');
  await first.exit;
  await sleep(2000);
  const { addresses } = await start_relay(stage, relay, {}, { at: first.addresses });
  if (addresses.tcp !== first.addresses.tcp) throw new Error(`the relay has another address: ${addresses.tcp}`);
  const begun = Date.now();
  for (;;) {
    try {
      await must_work(stage, dialers[0], listener.address, ['relayed-ping']);
      return `dialled ${((Date.now() - begun) / 1000).toFixed(1)} s after it was there again`;
    } catch (error) {
      if (Date.now() - begun > 40_000) throw new Error(`not reserved again within 40 s: ${error.message}`);
      await sleep(1000);
    }
  }
}

const STATES = {
  'no-reservation': no_reservation,
  'refused-reservation': refused_reservation,
  'target-gone': target_gone,
  'target-silent': target_silent,
  'byte-limit': byte_limit,
  'time-limit': time_limit,
  refresh,
  expiry,
  'too-many-circuits': too_many_circuits,
  'hop-nonsense': nonsense,
  'relay-restarted': relay_restarted,
};

export const STATE_NAMES = Object.keys(STATES);

// js has no limit of circuits, and its reset overtakes the status of nonsense; go collects expired reservations only once a
// minute; both wait longer for a silent target than the cell waits for them.
const LACKS = {
  minke: [],
  js: ['too-many-circuits', 'target-silent', 'hop-nonsense'],
  go: ['expiry', 'target-silent'],
};

export function state_columns({ self_test, wants_go }) {
  const relays = ['minke', 'js', 'go'].filter(each => (each !== 'minke' || !self_test) && (each !== 'go' || wants_go));
  return relays.map(relay => {
    let cells = STATE_NAMES.filter(name => !LACKS[relay].includes(name));
    if (!wants_go) cells = cells.filter(name => name !== 'hop-nonsense');
    if (relay !== 'minke' && !self_test) cells = cells.filter(name => name !== 'expiry' && name !== 'hop-nonsense');
    if (self_test) cells = cells.filter(name => name !== 'relay-restarted');
    return { id: `at-${relay}`, kind: 'relay-states', group: 'states', family: relay, relay, listen: '/ip4/', cells };
  });
}

async function run_state(options, column, cell, log, go, record) {
  const stage = make_stage(options, `${log}.${cell}`);
  const cast = { relay: column.relay, ...casts({ relay: column.relay, self_test: options.self_test, go }) };
  const begun = Date.now();
  try {
    record(column, cell, 'pass', await STATES[cell](stage, cast), Date.now() - begun);
  } catch (error) {
    record(column, cell, 'fail', error.message, Date.now() - begun);
  } finally {
    await clear(stage);
  }
}

/** The cells of all columns, some at a time: starting them all at once would take the processor from everything else. */
export async function run_states(options, columns, logs, record, missing) {
  const work = [];
  const go = options.wants_go && missing('go') == null;
  for (const column of columns) for (const cell of column.cells) {
    const why = missing(column.relay) ?? (cell === 'hop-nonsense' ? missing('go') : null);
    if (why != null) record(column, cell, 'not-run', why);
    else work.push([column, cell]);
  }
  const lane = async () => {
    for (let next; (next = work.shift()) != null;) {
      const [column, cell] = next;
      await run_state(options, column, cell, `${logs}${column.id}`, go, record);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
}
