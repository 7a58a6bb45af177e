// How much of a link one flow takes.
import { KINDS, kind_not_run, measure } from '../lib/link.mjs';

const RTTS = [50, 100, 200], WHO = ['minke', 'tcp', 'usrsctp', 'node-datachannel', 'js', 'go'];
const rows = WHO.flatMap(kind => RTTS.map(rtt => ({
  name: `${kind}-${rtt}`, title: `${KINDS[kind].title}, ${rtt} ms`, series: KINDS[kind].title, x: rtt,
  not_run: () => kind_not_run(kind),
  run: ({ quick }) => measure({ rtt }, kind, quick ? 4 : 20),
})));

export default {
  order: 60,
  rounds: 1,
  title: 'A link of 100 Mbit/s',
  about: 'One flow over a link of 100 Mbit/s with a drop-tail queue of one bandwidth-delay product and no other losses, for 20 s from the ' +
    'moment the receiver sees the connection, so slow start is in it; and its second half. The link is a process between two network ' +
    'namespaces (`bench/link/`), packets have at most 1500 bytes. *Used* is what passed the bottleneck, headers and all; heads alone ' +
    'cost TCP 3.5 %, Minke 7.6 % at 1200 bytes and 6.2 % at 1500.',
  measures: {
    share: { title: 'user data, of the link', digits: 3 },
    late_share: { title: 'last half', digits: 3 },
    late_used: { title: 'used, last half', digits: 3 },
    queue_ms: { title: 'queue, last half', unit: 'ms', digits: 0 },
    overflowed: { title: 'dropped by the queue', digits: 0 },
    gap_ms: { title: 'longest gap', unit: 'ms', digits: 0 },
  },
  rows: () => rows,
  targets: RTTS.flatMap(rtt => [
    { title: `User data of Minke, of the link at ${rtt} ms, 20 s from the beginning`, must: 0.85, aim: 0.95, value: of => of(`minke-${rtt}`).share },
    { title: `What it uses of the link, last half`, must: 0.85, aim: 0.95, value: of => of(`minke-${rtt}`).late_used },
  ]),
  plots: [
    { file: 'link-share', title: 'User data over a link of 100 Mbit/s', kind: 'lines', measure: 'share', x: { title: 'round trip', unit: 'ms' } },
    ...RTTS.map(rtt => ({
      file: `link-time-${rtt}`, title: `User data over time, 100 Mbit/s, ${rtt} ms`, kind: 'time', over_time: 'over_time', step: 0.5,
      rows: WHO.map(kind => `${kind}-${rtt}`), y: { title: 'user data', unit: 'Mbit/s' },
    })),
  ],
};
