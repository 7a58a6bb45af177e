// Teaches the js listener version 2; to be imported before libp2p. That takes the server's half of USERNAME for both
// sides' ufrag and password, which is right for v1 only: in v2 the dialer's own ufrag is the other half, and the
// dialer's password is what follows the prefix.
import binding from '../node_modules/node-datachannel/dist/esm/lib/node-datachannel.mjs';

const PREFIX = 'libp2p+webrtc+v2/';
const dialer_ufrags = new Map();

// The methods of the native class cannot be replaced; the class can, before the package's own modules pick it up.
binding.IceUdpMuxListener = class extends binding.IceUdpMuxListener {
  constructor(...args) {
    super(...args);
    const native = Object.getPrototypeOf(Object.getPrototypeOf(this)).onUnhandledStunRequest;
    Object.defineProperty(this, 'onUnhandledStunRequest', {
      value: callback => native.call(this, request => {
        const halves = [request.localUfrag, request.ufrag];
        const server = halves.find(half => half?.startsWith(PREFIX));
        if (server != null) dialer_ufrags.set(server, halves.find(half => half !== server));
        callback(server == null ? request : { ...request, ufrag: server });
      }),
    });
  }
};

const { RTCPeerConnection } = await import('node-datachannel/polyfill');
const set_remote = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (description) {
  const server = /^a=ice-ufrag:(libp2p\+webrtc\+v2\/\S+)/m.exec(description.sdp)?.[1];
  if (server == null || !dialer_ufrags.has(server)) return set_remote.call(this, description);
  const sdp = description.sdp
    .replace(/^a=ice-ufrag:.*$/m, `a=ice-ufrag:${dialer_ufrags.get(server)}`)
    .replace(/^a=ice-pwd:.*$/m, `a=ice-pwd:${server.slice(PREFIX.length)}`);
  return set_remote.call(this, { type: description.type, sdp });
};
