// What is left of a link that loses packets.
import { KINDS, kind_not_run, measure } from '../lib/link.mjs';

const RTT = 100, LOSSES = [0.001, 0.01];
// BBR fills the link, whatever is lost: fewer of those at once, for the processor's sake.
const WHO = { minke: 6, tcp: 6, usrsctp: 6, 'node-datachannel': 3, js: 3, go: 3, 'minke-bbr': 2, 'tcp-bbr': 2 };

const if_known = (values, make) => values.some(each => each == null) ? null : make(values);
const mean = values => values.reduce((a, b) => a + b, 0) / values.length;

/** Several links at once, each with a seed of its own; in the same round all kinds meet the same seeds. */
async function over_seeds(kind, loss, { round, quick }) {
  const count = quick ? 1 : WHO[kind];
  const runs = await Promise.all(Array.from({ length: count }, (_, i) =>
    measure({ rtt: RTT, loss, seed: 100 * round + i }, kind, quick ? 4 : 30)));
  const of = name => runs.map(run => run[name]);
  return {
    mbit_s: mean(of('mbit_s')), late_mbit_s: mean(of('late_mbit_s')), lowest: Math.min(...of('mbit_s')), highest: Math.max(...of('mbit_s')),
    gap_ms: if_known(of('gap_ms'), gaps => Math.max(...gaps)), gap_mean_ms: if_known(of('gap_ms'), mean),
    timeouts: if_known(of('timeouts'), counts => counts.reduce((a, b) => a + b)),
    runs: runs.map(({ over_time, ...figures }) => figures), over_time: runs[0].over_time,
  };
}

const rows = LOSSES.flatMap(loss => Object.keys(WHO).map(kind => ({
  name: `${kind}-${loss}`, title: `${KINDS[kind].title}, ${loss * 100} %`, series: KINDS[kind].title, x: loss * 100,
  not_run: () => kind_not_run(kind),
  run: context => over_seeds(kind, loss, context),
})));

const PEERS = ['usrsctp', 'node-datachannel', 'js', 'go'];
const best_peer = (of, loss) => Math.max(...PEERS.map(peer => of(`${peer}-${loss}`).mbit_s).filter(Number.isFinite));
const percent = loss => `${loss * 100} %`;

export default {
  order: 61,
  rounds: 1,
  title: 'A link that loses packets',
  about: 'The link of 100 Mbit/s with a queue of one bandwidth-delay product, a round trip of 100 ms, and random losses behind the ' +
    'bottleneck in both directions, each packet for itself. 30 s from the connection on; the mean of several links, which run at the ' +
    'same time, each with a seed of its own, the same seeds for all kinds of a round. The longest gap is that of the worst.',
  measures: {
    mbit_s: { title: 'user data', unit: 'Mbit/s' },
    late_mbit_s: { title: 'last half', unit: 'Mbit/s' },
    gap_ms: { title: 'longest gap', unit: 'ms', digits: 0 },
    timeouts: { title: 'timeouts', digits: 0 },
  },
  rows: () => rows,
  targets: LOSSES.flatMap(loss => [
    { title: `Minke / TCP CUBIC, ${percent(loss)}`, must: 0.9, aim: 1, value: of => of(`minke-${loss}`).mbit_s / of(`tcp-${loss}`).mbit_s },
    { title: `Minke / best peer, ${percent(loss)}`, must: 1, value: of => of(`minke-${loss}`).mbit_s / best_peer(of, loss) },
    { title: `Minke with BBR / best peer, ${percent(loss)}`, must: 5, aim: 10, digits: 1, value: of => of(`minke-bbr-${loss}`).mbit_s / best_peer(of, loss) },
    // A retransmission that is lost too takes two round trips; a timeout would take three at least, or a second.
    { title: `Longest gap of Minke, ${percent(loss)}`, must: 4 * RTT, unit: 'ms', digits: 0, at_most: true, value: of => of(`minke-${loss}`).gap_ms },
    { title: `Timeouts of Minke, ${percent(loss)}`, must: 0, digits: 0, at_most: true, value: of => of(`minke-${loss}`).timeouts },
  ]),
  plots: [
    ...LOSSES.map(loss => ({
      file: `link-loss-${loss * 100}`.replace('.', '_'), title: `User data at ${percent(loss)} loss, 100 Mbit/s, 100 ms`, kind: 'bars', measure: 'mbit_s',
      rows: Object.keys(WHO).map(kind => `${kind}-${loss}`),
    })),
  ],
};
