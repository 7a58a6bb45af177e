// One stream, as fast as it goes.
import { existsSync } from 'node:fs';
import { programs, root } from '../lib/cases.mjs';
import { go, js, throughput } from '../lib/libp2p.mjs';
import { flow } from '../lib/minke.mjs';
import { run } from '../lib/processes.mjs';

const peer_row = peer => ({ name: peer.name, title: peer.title, not_run: peer.not_run, run: ({ seconds }) => throughput(peer, seconds) });
const per = name => of => of('minke').gbit_s / of(name).gbit_s;
const cpu = of => (of('ceiling').sender_cpu + of('ceiling').receiver_cpu) / (of('minke').sender_cpu + of('minke').receiver_cpu);

export default {
  order: 10,
  title: 'One stream',
  about: 'User data in writes (or messages) of 16 KiB, from a process on one core to one on another, over loopback. The *ceiling* does ' +
    'what no data channel can leave out, and nothing else: copies, CRC32c, OpenSSL\'s AES-128-GCM, trains of datagrams of 1200 bytes ' +
    '(`bench/programs/ceiling.c`). usrsctp has AES-GCM in place of DTLS, and no Node. TCP encrypts nothing and leaves the kernel ' +
    'not once.',
  measures: {
    gbit_s: { title: 'user data', unit: 'Gbit/s' },
    sender_cpu: { title: 'sender', unit: 'CPU s/GB' },
    receiver_cpu: { title: 'receiver', unit: 'CPU s/GB' },
  },
  rows: () => [
    { name: 'minke', title: 'Minke', run: ({ seconds }) => flow(seconds) },
    { name: 'ceiling', title: 'Ceiling', reference: true, run: ({ seconds }) => run(`${programs}ceiling`, ['--seconds', `${seconds}`]) },
    {
      name: 'usrsctp', title: 'usrsctp, AES-GCM',
      not_run: () => existsSync(`${programs}usrsctp-flow`) ? null : 'it is not installed (libusrsctp-dev)',
      run: ({ seconds }) => run(`${programs}usrsctp-flow`, ['--seconds', `${seconds}`]),
    },
    {
      name: 'node-datachannel', title: 'node-datachannel', not_run: js.not_run,
      run: ({ seconds }) => run(process.execPath, [`${root}bench/peers/datachannel.mjs`, 'throughput', `${seconds}`], { core: 1 }),
    },
    peer_row(js),
    peer_row(go),
    { name: 'tcp', title: 'TCP of the kernel', reference: true, run: ({ seconds }) => run(`${programs}tcp-flow`, ['--seconds', `${seconds}`]) },
  ],
  targets: [
    { title: 'Minke / ceiling', must: 0.6, aim: 0.9, value: per('ceiling') },
    { title: 'the same by processor time of both ends', value: cpu },
    { title: 'Minke / usrsctp', must: 7, aim: 11, digits: 1, value: per('usrsctp') },
    { title: 'Minke / node-datachannel', must: 8, aim: 14, digits: 1, value: per('node-datachannel') },
  ],
  plots: [{ file: 'throughput', title: 'One stream, one core each side', kind: 'bars', measure: 'gbit_s' }],
};
