// How long 64 bytes take there and back.
import { programs, root } from '../lib/cases.mjs';
import { go, js, latency } from '../lib/libp2p.mjs';
import { echo } from '../lib/minke.mjs';
import { run } from '../lib/processes.mjs';

const peer_row = (peer, count) => ({ name: peer.name, title: peer.title, not_run: peer.not_run, run: () => latency(peer, count) });

export default {
  order: 40,
  title: 'Round trip of 64 bytes',
  about: 'A message of 64 bytes goes through a stream to a process on another core, which sends it back; then the next. The median of ' +
    'thousands. Waking a process that sleeps is most of it: *UDP* is two processes that sleep in `recv`; with `epoll_wait` before it, as ' +
    'every program with more than one socket has it, that alone takes longer.',
  measures: { rtt_us: { title: 'round trip', unit: 'us', digits: 1 } },
  rows: ({ quick }) => {
    const count = quick ? 1000 : 10000;
    const udp = more => run(`${programs}udp-rtt`, ['--count', `${count}`, ...more]);
    return [
      { name: 'minke', title: 'Minke', run: () => echo(count) },
      { name: 'udp', title: 'UDP, nothing else', reference: true, run: () => udp([]) },
      { name: 'udp-epoll', title: 'UDP with epoll', reference: true, run: () => udp(['--epoll', '1']) },
      {
        name: 'node-datachannel', title: 'node-datachannel', not_run: js.not_run,
        run: () => run(process.execPath, [`${root}bench/peers/datachannel.mjs`, 'latency', `${count / 5}`], { core: 1 }),
      },
      peer_row(js, count / 10),
      peer_row(go, count / 5),
    ];
  },
  targets: [
    { title: 'Minke / UDP', must: 1.5, aim: 1.2, at_most: true, value: of => of('minke').rtt_us / of('udp').rtt_us },
    { title: 'Minke / UDP with epoll', at_most: true, value: of => of('minke').rtt_us / of('udp-epoll').rtt_us },
  ],
  plots: [{ file: 'latency', title: 'Round trip of 64 bytes', kind: 'bars', measure: 'rtt_us' }],
};
