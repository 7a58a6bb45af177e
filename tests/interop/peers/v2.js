// A v2 dial from js-libp2p, which itself only knows v1: the local description stays as the browser made it, and the
// made-up answer of the server carries the browser's own password in its ufrag (spec/webrtc-direct.md 5.1).
export function use_v2() {
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    setLocalDescription() {
      return super.setLocalDescription(); // without the munged one: the browser's own offer
    }

    setRemoteDescription(answer) {
      const offered = name => new RegExp(`^a=${name}:(\\S+)`, 'm').exec(this.localDescription.sdp)[1];
      const credential = `libp2p+webrtc+v2/${offered('ice-pwd')}`;
      const sdp = answer.sdp
        .replace(/^a=mid:.*$/m, `a=mid:${offered('mid')}`) // js answers 0; Chromium 150 numbers a second offer differently
        .replace(/^a=ice-ufrag:.*$/m, `a=ice-ufrag:${credential}`)
        .replace(/^a=ice-pwd:.*$/m, `a=ice-pwd:${credential}`);
      return super.setRemoteDescription({ type: answer.type, sdp });
    }
  };
  return () => { globalThis.RTCPeerConnection = Native; };
}

/** What setting a munged offer does here: 'allowed', or the name of the error. */
export async function try_munging() {
  const connection = new RTCPeerConnection();
  try {
    connection.createDataChannel('');
    const offer = await connection.createOffer();
    const munged = 'libp2p+webrtc+v1/abcdefghijklmnopqrstuvwxyz012345';
    offer.sdp = offer.sdp.replace(/^a=ice-(ufrag|pwd):\S+/mg, `a=ice-$1:${munged}`);
    await connection.setLocalDescription(offer);
    return 'allowed';
  } catch (error) {
    return error.name;
  } finally {
    connection.close();
  }
}
