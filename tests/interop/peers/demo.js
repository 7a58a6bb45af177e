// The narrated run of `./dev demo`: dial, ping, echo, perf, a line for each.
import { multiaddr } from '@multiformats/multiaddr';
import { echo, perf_down, perf_up } from './cells.js';
import { describe } from './pipe.js';
import { dial_for } from './job.js';
import { make_bytes, now } from './bytes.js';

const MIB = 1024 * 1024;

export async function narrate(job, report) {
  const say = text => report({ event: 'say', text });
  const link = await dial_for({ ...job, strict: false }, 'dial', line => {
    if (line.event === 'cell') say(line.facts);
  });
  if (link == null) {
    report({ event: 'done', ok: false });
    return;
  }
  try {
    say(`js-libp2p dialled ${multiaddr(job.address).toString()}`);
    say(`the handshake took ${Math.round(link.setup_ms)} ms, the peer is ${link.connection.remotePeer}`);
    const { agentVersion, protocols } = await link.identified(10_000);
    say(`it is ${agentVersion} and serves ${protocols.join(' ')}`);
    for (let i = 1; i <= 5; i++) {
      const rtt = await link.node.services.ping.ping(link.connection.remotePeer);
      say(`ping ${i}: ${rtt} ms`);
    }
    const begun = now();
    await echo(link, make_bytes(MIB, 1));
    say(`1 MiB came back with the same sha256 after ${Math.round(now() - begun)} ms`);
    say(`perf upload ${await perf_up(link)}`);
    say(`perf download ${await perf_down(link)}`);
    await link.stop();
    report({ event: 'done', ok: true });
  } catch (error) {
    say(`failed: ${describe(error)}`);
    report({ event: 'done', ok: false });
  }
}
