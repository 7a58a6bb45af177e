// js-libp2p's private webrtc opens a channel `init` and waits until it is open, then closes it; its other end closes it as well,
// at once. Then in one dial of ten or so Chromium 156 never tells the first that it is open, and the dial waits until it fails.
// Here the other end waits with it, in a page that only pages dial. To be loaded before @libp2p/webrtc.
const KEPT = 2000;
let keeps = false;

export const keep_init_channels = () => { keeps = true; };

const Native = globalThis.RTCPeerConnection;
if (Native != null) globalThis.RTCPeerConnection = class extends Native {
  constructor(...args) {
    super(...args);
    this.addEventListener('datachannel', ({ channel }) => {
      if (channel.label !== 'init' || !keeps) return;
      const close = channel.close.bind(channel);
      channel.close = () => { setTimeout(close, KEPT); };
    });
  }
};
