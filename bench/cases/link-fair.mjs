// Two flows that share a link.
import { KINDS, flows_over, kind_not_run, rate_between, rates_over_time } from '../lib/link.mjs';

const RTT = 50, LATER_S = 4, SECONDS = 84, SETTLED_S = 40;
const PAIRS = [['minke', 'minke'], ['minke', 'tcp'], ['tcp', 'minke'], ['tcp', 'tcp'], ['minke-bbr', 'minke-bbr'], ['minke-bbr', 'tcp']];

const jain = rates => rates.reduce((a, b) => a + b) ** 2 / rates.length / rates.reduce((a, b) => a + b * b, 0);

async function share_once([first, second], seconds, settled_s) {
  const { received, report } = await flows_over({ rtt: RTT }, [
    { kind: first, seconds: seconds + LATER_S }, { kind: second, after_s: LATER_S, seconds },
  ]);
  // The second has found its place by then, or never will.
  const to = received[1].begun_s + seconds - 1, from = to - settled_s;
  const rates = received.map(each => rate_between(each, from, to));
  return {
    jain: jain(rates), first_mbit_s: rates[0], second_mbit_s: rates[1], together: (rates[0] + rates[1]) / (report.forth.rate_bytes * 8 / 1e6),
    overflowed: report.forth.dropped.queue, timeouts: received.map(each => each.sender?.timeouts ?? null),
    over_time: rates_over_time(received[0]), second_over_time: rates_over_time(received[1]),
  };
}

/** Two links at once: where the second lands when the queue is full has something of chance. */
async function share(pair, { quick }) {
  const runs = await Promise.all([1, 2].map(() => quick ? share_once(pair, 8, 4) : share_once(pair, SECONDS, SETTLED_S)));
  const mean = name => (runs[0][name] + runs[1][name]) / 2;
  return Object.assign(Object.fromEntries(['jain', 'first_mbit_s', 'second_mbit_s', 'together'].map(name => [name, mean(name)])), { runs });
}

const title = pair => `${KINDS[pair[0]].title}; then ${KINDS[pair[1]].title}`;
const rows = PAIRS.map(pair => ({
  name: pair.join('+'), title: title(pair),
  not_run: async () => await kind_not_run(pair[0]) ?? kind_not_run(pair[1]),
  run: context => share(pair, context),
}));

export default {
  order: 62,
  rounds: 1,
  title: 'Two flows on one link',
  about: `Two flows share 100 Mbit/s at ${RTT} ms with a queue of one bandwidth-delay product. The second begins ${LATER_S} s after the first; ` +
    `rates are means of the ${SETTLED_S} s that end ${SECONDS - 1} s later, and Jain's index is of these two (1: equal; 0.5: one has all). ` +
    'Each cell is the mean of two links that run at the same time.',
  measures: {
    jain: { title: 'Jain\'s index', digits: 3 },
    first_mbit_s: { title: 'first', unit: 'Mbit/s', digits: 1 },
    second_mbit_s: { title: 'second', unit: 'Mbit/s', digits: 1 },
    together: { title: 'both, of the link', digits: 3 },
  },
  rows: () => rows,
  targets: [
    { title: 'Jain\'s index of two of Minke', must: 0.95, aim: 0.99, digits: 3, value: of => of('minke+minke').jain },
    { title: 'Jain\'s index of Minke, then TCP CUBIC', must: 0.95, aim: 0.99, digits: 3, value: of => of('minke+tcp').jain },
    { title: 'Jain\'s index of TCP CUBIC, then Minke', must: 0.95, aim: 0.99, digits: 3, value: of => of('tcp+minke').jain },
  ],
  plots: [{ file: 'link-fair', title: 'Jain\'s index of two flows', kind: 'bars', measure: 'jain' }],
};
