// One stream where the system cannot cut and join trains of datagrams.
import { readFileSync } from 'node:fs';
import { programs, root } from '../lib/cases.mjs';
import { flow } from '../lib/minke.mjs';
import { run } from '../lib/processes.mjs';

const WAYS = [['mmsg', 'sendmmsg and recvmmsg'], ['single', 'one datagram a call']];
const not_run = () => readFileSync(`${root}include/minke/minke.h`, 'utf8').includes('udp_batching') ? null : 'a host has no option for it';

export default {
  order: 15,
  title: 'One stream without GSO',
  about: 'The first case again, as on a system without UDP_SEGMENT and UDP_GRO: many datagrams a system call, or one.',
  measures: {
    gbit_s: { title: 'user data', unit: 'Gbit/s' },
    sender_cpu: { title: 'sender', unit: 'CPU s/GB' },
    receiver_cpu: { title: 'receiver', unit: 'CPU s/GB' },
  },
  rows: () => WAYS.flatMap(([io, title]) => [
    { name: `minke-${io}`, title: `Minke, ${title}`, not_run, run: ({ seconds }) => flow(seconds, ['--udp', io], ['--udp', io]) },
    { name: `ceiling-${io}`, title: `Ceiling, ${title}`, reference: true, run: ({ seconds }) => run(`${programs}ceiling`, ['--seconds', `${seconds}`, '--io', io]) },
  ]),
  targets: [
    { title: 'Minke / ceiling, sendmmsg', must: 0.8, aim: 0.9, value: of => of('minke-mmsg').gbit_s / of('ceiling-mmsg').gbit_s },
    { title: 'Minke / ceiling, one datagram a call', value: of => of('minke-single').gbit_s / of('ceiling-single').gbit_s },
  ],
  plots: [{ file: 'without-gso', title: 'One stream without GSO', kind: 'bars', measure: 'gbit_s' }],
};
