// How much is written at a time.
import { flow } from '../lib/minke.mjs';

const SIZES = [64, 256, 1024, 4096, 16384, 65536];
const bytes = size => size < 1024 ? `${size} B` : `${size / 1024} KiB`;

export default {
  order: 25,
  title: 'By size of the writes',
  about: 'One stream of Minke, written to by so many bytes at a time.',
  measures: {
    gbit_s: { title: 'user data', unit: 'Gbit/s' },
    sender_cpu: { title: 'sender', unit: 'CPU s/GB' },
    receiver_cpu: { title: 'receiver', unit: 'CPU s/GB' },
  },
  rows: () => SIZES.map(size => ({
    name: `${size}`, title: bytes(size), series: 'Minke', x: size, run: ({ seconds }) => flow(seconds, ['--write', `${size}`]),
  })),
  plots: [{
    file: 'writes', title: 'By size of the writes', kind: 'lines', measure: 'gbit_s',
    x: { title: 'bytes of a write', log: true, show: bytes },
  }],
};
