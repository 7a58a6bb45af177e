// The cells of a connection through a relay, which has limits of bytes and of time: what a js peer does, in Node and in a
// page alike. As in cells.js.
import { check, echo, identify_protocols, ping } from './cells.js';
import { make_bytes } from './bytes.js';
import { describe, Pipe } from './pipe.js';

const KIB = 1024;
const AGAIN = 20;
const ECHOED = 20 * KIB; // js relays count both ways together, and 128 KiB must do for all cells

async function relayed_identify(link) {
  check(link.connection.limits != null, 'the connection has no limits');
  const result = await identify_protocols(link);
  return `${result.agentVersion}, ${link.connection.limits.bytes} bytes are left`;
}

async function relayed_echo(link) {
  await echo(link, make_bytes(ECHOED, 11));
  return `${ECHOED / KIB} KiB`;
}

/** More than the relay relays: less comes back, and the connection ends. */
async function byte_limit(link) {
  await link.check_alive();
  const pipe = new Pipe(await link.connection.newStream('/echo/1.0.0', { runOnLimitedConnection: true }), { keep: false });
  let end = 'end of stream';
  pipe.write(make_bytes(1024 * KIB, 12)).catch(() => {});
  // go's relay half-closes where others reset: then js does not end its streams, but the connection.
  await Promise.race([pipe.ended.catch(error => { end = describe(error); }), link.gone(10_000)]);
  check(pipe.received < 1024 * KIB, 'all of 1 MiB came back');
  await link.gone(10_000);
  return `${pipe.received} bytes came back, then: ${end}`;
}

async function time_limit(link) {
  await link.check_alive();
  return `gone ${((await link.gone(20_000)) / 1000).toFixed(1)} s after the echo`;
}

/** A connection that came about over a relay and does without it. */
async function is_private(link) {
  const { limits, multiplexer, direction } = link.connection;
  check(limits == null, 'the connection is limited');
  check(multiplexer === '/webrtc', `the connection is muxed by ${multiplexer}`);
  check(direction === 'outbound', `the direction is ${direction}`);
  return `set up in ${Math.round(link.setup_ms)} ms`;
}

/** One node after the other dials, each anew. */
async function again_and_again(link) {
  const times = [];
  for (let i = 0; i < AGAIN; i++) {
    const one = new link.constructor({ address: link.address, user_agent: link.user_agent }, () => {});
    link.step(`dial ${i + 1} of ${AGAIN}`);
    try {
      await one.dial();
      await is_private(one);
      await one.check_alive();
      times.push(one.setup_ms);
    } finally {
      await one.stop();
    }
  }
  times.sort((a, b) => a - b);
  return `${AGAIN} dials, ${Math.round(times[0])} to ${Math.round(times.at(-1))} ms each`;
}

export const relayed_cells = [
  { name: 'private-path', budget: 20, run: is_private },
  { name: 'private-again', budget: 120, run: again_and_again },
  { name: 'relayed-ping', budget: 20, run: ping },
  { name: 'relayed-identify', budget: 20, run: relayed_identify },
  { name: 'relayed-echo', budget: 20, run: relayed_echo },
  { name: 'byte-limit', budget: 30, run: byte_limit },
  { name: 'time-limit', budget: 30, run: time_limit },
];
