// Many streams of one connection at once.
import { existsSync } from 'node:fs';
import { programs } from '../lib/cases.mjs';
import { flow } from '../lib/minke.mjs';
import { run } from '../lib/processes.mjs';

const COUNTS = [1, 10, 100];

export default {
  order: 20,
  title: 'By streams',
  about: 'As above, over several streams of one connection at once, each written to whenever it takes something.',
  measures: {
    gbit_s: { title: 'user data', unit: 'Gbit/s' },
    sender_cpu: { title: 'sender', unit: 'CPU s/GB' },
    receiver_cpu: { title: 'receiver', unit: 'CPU s/GB' },
  },
  rows: () => [
    ...COUNTS.map(count => ({
      name: `minke-${count}`, title: `Minke, ${count}`, series: 'Minke', x: count,
      run: ({ seconds }) => flow(seconds, ['--streams', `${count}`]),
    })),
    ...[1, 100].map(count => ({
      name: `usrsctp-${count}`, title: `usrsctp, AES-GCM, ${count}`, series: 'usrsctp, AES-GCM', x: count,
      not_run: () => existsSync(`${programs}usrsctp-flow`) ? null : 'it is not installed (libusrsctp-dev)',
      run: ({ seconds }) => run(`${programs}usrsctp-flow`, ['--seconds', `${seconds}`, '--streams', `${count}`]),
    })),
  ],
  targets: [
    { title: '100 streams / 1', must: 0.9, aim: 0.99, value: of => of('minke-100').gbit_s / of('minke-1').gbit_s },
    { title: '10 streams / 1', value: of => of('minke-10').gbit_s / of('minke-1').gbit_s },
  ],
  plots: [{ file: 'streams', title: 'By streams of one connection', kind: 'lines', measure: 'gbit_s', x: { title: 'streams', log: true } }],
};
