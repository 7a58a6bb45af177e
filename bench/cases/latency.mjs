// How long 64 bytes take there and back.
import { programs } from '../lib/cases.mjs';
import { run } from '../lib/processes.mjs';

export default {
  order: 40,
  title: 'Round trip of 64 bytes',
  about: 'One message of 64 bytes goes to another process, on another core, and comes back; then the next. Median of many.',
  measures: { rtt_us: { title: 'round trip', unit: 'us', digits: 1 } },
  rows: ({ quick }) => [
    { name: 'udp', title: 'UDP, nothing else', run: () => run(`${programs}udp-rtt`, [quick ? '2000' : '20000']) },
  ],
  plots: [{ file: 'latency', title: 'Round trip of 64 bytes', kind: 'bars', measure: 'rtt_us' }],
};
