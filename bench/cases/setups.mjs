// What a connection costs to set up.
import { programs, root } from '../lib/cases.mjs';
import { go, js, setups as peer_setups } from '../lib/libp2p.mjs';
import { setups } from '../lib/minke.mjs';
import { run } from '../lib/processes.mjs';

const peer_row = (peer, count) => ({ name: peer.name, title: `${peer.title}, one at a time`, not_run: peer.not_run, run: () => peer_setups(peer, count) });

async function openssl(repeat) {
  const cost = await run(`${programs}setup-cost`, ['--repeat', `${repeat}`]);
  return { ...cost, per_cpu_s: 1e6 / (cost.dtls_server_us + cost.noise_us), with_sodium_per_cpu_s: 1e6 / (cost.dtls_server_us + cost.noise_sodium_us) };
}

export default {
  order: 50,
  title: 'Set-ups',
  about: 'Connections of webrtc-direct, complete with Noise, then closed. The listener has a core to itself: *per CPU second* is how ' +
    'many it accepts in a second of its processor time, which does not depend on how fast the dialer is; *per second* depends on it. ' +
    'Minke dials 16 at a time. *OpenSSL\'s own cost* is the server\'s side of a DTLS 1.2 handshake with two certificates (X25519), and ' +
    'the parts of Noise XX as EVP has them: no packet, no ICE, no SCTP (`bench/programs/setup_cost.c`). node-datachannel has no Noise.',
  measures: {
    per_cpu_s: { title: 'accepted', unit: 'per CPU second', digits: 0 },
    per_s: { title: 'accepted', unit: 'per second', digits: 0 },
    setup_ms: { title: 'one set-up', unit: 'ms', digits: 1 },
  },
  rows: ({ quick }) => [
    { name: 'minke', title: 'Minke', run: () => setups(quick ? 300 : 2000) },
    { name: 'openssl', title: 'OpenSSL\'s own cost', reference: true, run: () => openssl(quick ? 2 : 10) },
    { name: 'minke-alone', title: 'Minke, one at a time', run: () => setups(quick ? 50 : 300, ['--at-once', '1']) },
    { name: 'minke-identify', title: 'Minke, with identify both ways', run: () => setups(quick ? 300 : 2000, ['--identify', '1']) },
    {
      name: 'node-datachannel', title: 'node-datachannel, one at a time', not_run: js.not_run,
      run: () => run(process.execPath, [`${root}bench/peers/datachannel.mjs`, 'setups', quick ? '3' : '8'], { core: 1 }),
    },
    peer_row(js, quick ? 5 : 20),
    peer_row(go, quick ? 5 : 40),
  ],
  targets: [
    {
      title: 'Minke / OpenSSL\'s own cost, per CPU second of the server', must: 0.85, aim: 1.1,
      value: of => of('minke').per_cpu_s / of('openssl').per_cpu_s,
    },
    {
      title: 'the same, X25519 and Ed25519 of libsodium in the sum',
      value: of => of('minke').per_cpu_s / of('openssl').with_sodium_per_cpu_s,
    },
  ],
  plots: [{ file: 'setups', title: 'Set-ups that a listener accepts', kind: 'bars', measure: 'per_cpu_s' }],
};
