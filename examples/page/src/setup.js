// Watches js-libp2p set a connection up. libp2p tells only when it is done or has failed; what lies between, and at which
// step it failed, is seen on the RTCPeerConnection that it makes. So we put one of our own in its place.

export const STEPS = [
  { id: 'ice', name: 'Reach', what: 'ICE: a datagram came back' },
  { id: 'dtls', name: 'Encrypt', what: 'DTLS: the certificate is the one in the address' },
  { id: 'sctp', name: 'Channels', what: 'SCTP: the first data channel is open' },
  { id: 'noise', name: 'Verify', what: 'Noise: the peer id is proven, both ways' },
];

let watcher = null;

/** Calls on_step(id, ms) as steps are done, until the function that it returns is called. */
export function watch_setup(on_step) {
  const begun = performance.now();
  const done = new Set();
  const mine = watcher = {
    state: null, // of the RTCPeerConnection, once it is bad
    version: 1,  // of webrtc-direct
    done,
    step(id) {
      // A state that was passed too fast to be seen was passed all the same.
      for (const each of STEPS) {
        if (!done.has(each.id)) {
          done.add(each.id);
          on_step(each.id, performance.now() - begun);
        }
        if (each.id === id) return;
      }
    },
    end() { if (watcher === mine) watcher = null; },
  };
  return mine;
}

const Native = globalThis.RTCPeerConnection;
if (Native != null) globalThis.RTCPeerConnection = class extends Native {
  constructor(...args) {
    super(...args);
    const watched = this.watched = watcher;
    if (watched == null) return;
    this.addEventListener('iceconnectionstatechange', () => {
      if (['connected', 'completed'].includes(this.iceConnectionState)) watched.step('ice');
    });
    this.addEventListener('connectionstatechange', () => {
      if (this.connectionState === 'connected') watched.step('dtls');
      if (this.connectionState === 'failed') watched.on_failed?.();
    });
  }

  createDataChannel(...args) {
    const channel = super.createDataChannel(...args);
    if (this.watched != null) channel.addEventListener('open', () => this.watched.step('sctp'));
    return channel;
  }

  // js-libp2p knows webrtc-direct version 1, in which the page edits its own offer. A browser that forbids that can
  // still connect by version 2: the offer stays as it is, and the username carries the browser's password to the
  // listener, which both Minke and go-libp2p understand.
  async setLocalDescription(description) {
    try {
      return await super.setLocalDescription(description);
    } catch (error) {
      if (error.name !== 'InvalidModificationError') throw error;
      this.unedited = true;
      if (this.watched != null) this.watched.version = 2;
      return super.setLocalDescription();
    }
  }

  async setRemoteDescription(answer) {
    if (!this.unedited) return super.setRemoteDescription(answer);
    const offered = name => new RegExp(`^a=${name}:(\\S+)`, 'm').exec(this.localDescription.sdp)[1];
    const credential = `libp2p+webrtc+v2/${offered('ice-pwd')}`;
    const sdp = answer.sdp
      .replace(/^a=mid:.*$/m, `a=mid:${offered('mid')}`) // js-libp2p answers 0; this second offer may have another
      .replace(/^a=ice-ufrag:.*$/m, `a=ice-ufrag:${credential}`)
      .replace(/^a=ice-pwd:.*$/m, `a=ice-pwd:${credential}`);
    return super.setRemoteDescription({ type: answer.type, sdp });
  }
};
