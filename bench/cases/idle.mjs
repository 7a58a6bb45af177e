// What connections cost that say nothing.
import { existsSync } from 'node:fs';
import { programs, root } from '../lib/cases.mjs';
import { go, idle, js } from '../lib/libp2p.mjs';
import { run } from '../lib/processes.mjs';

const KIB = 1024;
const rss = ({ bytes }) => ({ rss_kib: bytes / KIB });

async function minke(quick) {
  const [connections, seconds, pings] = quick ? [500, 5, 100] : [20000, 30, 300];
  const all = await run(`${programs}idle-many`, ['--connections', `${connections}`, '--seconds', `${seconds}`, '--pings', `${pings}`], { limit_s: 600 });
  return {
    ...all,
    heap_kib: all.heap_per_connection / KIB,
    rss_kib: all.rss_per_connection / KIB,
    cpu_percent: all.cpu_share * 100,
    ping_us: all.with_all.ping_median_us,
    ping_alone_us: all.with_none.ping_median_us,
  };
}

export default {
  order: 60,
  title: 'Idle connections',
  about: 'Connections that are up and say nothing but their checks every 5 s: what each of them costs the listener. Minke: 20,000 in one ' +
    'process, dialled by four others; its processor time while they are idle; and the median round trip of a ping on a new connection ' +
    'beside them, and without them. Peers: 50 to 100 connections, dialled from one process. Heap is what the allocator has given out, ' +
    'resident what the process has grown by.',
  rounds: 1,
  measures: {
    heap_kib: { title: 'heap', unit: 'KiB each', digits: 1 },
    rss_kib: { title: 'resident', unit: 'KiB each', digits: 1 },
    cpu_percent: { title: 'the process', unit: '% of a core', digits: 1 },
    ping_us: { title: 'ping beside them', unit: 'us', digits: 0 },
    ping_alone_us: { title: 'without them', unit: 'us', digits: 0 },
  },
  rows: ({ quick }) => [
    {
      name: 'minke', title: quick ? 'Minke, 500' : 'Minke, 20,000',
      not_run: () => existsSync(`${programs}idle-many`) ? null : 'its program is not built (idle-many)', run: () => minke(quick),
    },
    {
      name: 'node-datachannel', title: 'node-datachannel', not_run: js.not_run,
      run: async () => rss(await run(process.execPath, [`${root}bench/peers/datachannel.mjs`, 'idle', quick ? '20' : '100'])),
    },
    ...[js, go].map(peer => ({
      name: peer.name, title: peer.title, not_run: peer.not_run, run: async () => rss(await idle(peer, quick ? 10 : 50, 3000)),
    })),
  ],
  targets: [
    { title: 'heap of a connection', unit: 'KiB', must: 16, aim: 8, digits: 1, at_most: true, value: of => of('minke').heap_kib },
    { title: 'processor time of the process', unit: '% of a core', must: 10, aim: 5, digits: 1, at_most: true, value: of => of('minke').cpu_percent },
    { title: 'ping beside them / without', must: 1.2, at_most: true, value: of => of('minke').ping_us / of('minke').ping_alone_us },
  ],
  plots: [{ file: 'idle', title: 'Resident memory of an idle connection', kind: 'bars', measure: 'rss_kib' }],
};
