// Two flows that share a link.
import { KINDS, flows_over, kind_not_run, rate_between, rates_over_time } from '../lib/link.mjs';

const RTT = 50, LATER_S = 4;
const PAIRS = [['minke', 'minke'], ['minke', 'tcp'], ['tcp', 'minke'], ['tcp', 'tcp'], ['minke-bbr', 'minke-bbr'], ['minke-bbr', 'tcp']];

const jain = rates => rates.reduce((a, b) => a + b) ** 2 / rates.length / rates.reduce((a, b) => a + b * b, 0);

async function share([first, second], { quick }) {
  const seconds = quick ? 8 : 64;
  const { received, report } = await flows_over({ rtt: RTT }, [
    { kind: first, seconds: seconds + LATER_S }, { kind: second, after_s: LATER_S, seconds },
  ]);
  // The second has found its place by then, or never will.
  const to = received[1].begun_s + seconds - 1, from = to - (quick ? 4 : 44);
  const rates = received.map(each => rate_between(each, from, to));
  return {
    jain: jain(rates), first_mbit_s: rates[0], second_mbit_s: rates[1], together: (rates[0] + rates[1]) / (report.forth.rate_bytes * 8 / 1e6),
    overflowed: report.forth.dropped.queue, over_time: rates_over_time(received[0]), second_over_time: rates_over_time(received[1]),
  };
}

const title = pair => `${KINDS[pair[0]].title}; then ${KINDS[pair[1]].title}`;
const rows = PAIRS.map(pair => ({
  name: pair.join('+'), title: title(pair),
  not_run: async () => await kind_not_run(pair[0]) ?? kind_not_run(pair[1]),
  run: context => share(pair, context),
}));
const with_tcp = of => {
  const values = ['minke+tcp', 'tcp+minke'].map(name => of(name).jain).filter(Number.isFinite);
  return values.length > 0 ? Math.min(...values) : NaN;
};

export default {
  order: 62,
  rounds: 3,
  title: 'Two flows on one link',
  about: `Two flows share 100 Mbit/s at ${RTT} ms with a queue of one bandwidth-delay product. The second begins ${LATER_S} s after the first; ` +
    'rates are means from 19 s to 63 s after that, and Jain\'s index is of these two (1: equal; 0.5: one has all).',
  measures: {
    jain: { title: 'Jain\'s index', digits: 3 },
    first_mbit_s: { title: 'first', unit: 'Mbit/s', digits: 1 },
    second_mbit_s: { title: 'second', unit: 'Mbit/s', digits: 1 },
    together: { title: 'both, of the link', digits: 3 },
  },
  rows: () => rows,
  targets: [
    { title: 'Jain\'s index of two of Minke', must: 0.95, aim: 0.99, digits: 3, value: of => of('minke+minke').jain },
    { title: 'Jain\'s index of Minke and TCP CUBIC, whoever is first', must: 0.95, aim: 0.99, digits: 3, value: with_tcp },
  ],
  plots: [{ file: 'link-fair', title: 'Jain\'s index of two flows', kind: 'bars', measure: 'jain' }],
};
