// node-datachannel (libdatachannel with usrsctp and libjuice): messages of 16 KiB over one channel in one direction.
//
//   node datachannel.mjs listen ADDRESS PATH SECONDS    takes one connection, receives for so long, prints what came
//   node datachannel.mjs dial ADDRESS PATH              sends until it is ended
//
// ADDRESS is one's own. They signal over a Unix socket at PATH, which goes from one network namespace into the other.
import { createRequire } from 'node:module';
import { createConnection, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Arrivals } from './arrivals.mjs';

const ndc = createRequire(new URL('../../../tests/interop/', import.meta.url))('node-datachannel');
const [mode, address, path, seconds] = process.argv.slice(2);
const MESSAGE = Buffer.alloc(16384, 1), KEPT_BUFFERED = 1024 * 1024;
const kept = []; // what is collected closes

function new_connection(signals) {
  const connection = new ndc.PeerConnection(mode, { iceServers: [], bindAddress: address, maxMessageSize: 262144 });
  const send = line => signals.write(`${JSON.stringify(line)}\n`);
  let described = false;
  const early = [];
  connection.onLocalDescription((sdp, type) => send({ sdp, type }));
  connection.onLocalCandidate((candidate, mid) => send({ candidate, mid }));
  createInterface({ input: signals }).on('line', text => {
    const { sdp, type, candidate, mid } = JSON.parse(text);
    if (sdp != null) {
      connection.setRemoteDescription(sdp, type);
      described = true;
      for (const each of early) connection.addRemoteCandidate(...each);
    } else if (described) connection.addRemoteCandidate(candidate, mid);
    else early.push([candidate, mid]);
  });
  signals.on('error', () => {});
  kept.push(connection);
  return connection;
}

function listen() {
  const server = createServer(signals => new_connection(signals).onDataChannel(channel => {
    const arrivals = new Arrivals(Number(seconds));
    kept.push(channel);
    channel.onMessage(bytes => arrivals.add(bytes.length));
    setTimeout(() => {
      arrivals.print('datachannel');
      process.exit(0);
    }, arrivals.left_ms);
  }));
  server.listen(path, () => console.log(JSON.stringify({ event: 'listening', addr: path })));
}

function dial() {
  const channel = new_connection(createConnection(path)).createDataChannel('bench');
  const fill = () => { while (channel.isOpen() && channel.bufferedAmount() < KEPT_BUFFERED) channel.sendMessageBinary(MESSAGE); };
  channel.setBufferedAmountLowThreshold(KEPT_BUFFERED / 4);
  channel.onBufferedAmountLow(fill);
  channel.onOpen(fill);
  kept.push(channel);
}

if (mode === 'listen') listen();
else dial();
