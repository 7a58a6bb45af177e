// Which way a direct connection takes. libp2p does not tell, the browser's statistics do; so the RTCPeerConnections of the
// private `webrtc` transport are remembered here as they are made. To be loaded before @libp2p/webrtc.
import '../../page/src/setup.js';

const made = []; // the newest at the end

const INIT = 'init'; // the label of js-libp2p's first channel, which it has only when it meets over a relay
const INIT_KEPT = 2000;

/** Who has made `init` waits for it to open, then closes it. js-libp2p's other end closes it too, at once, and then now and then
 * (one call of ten, Chromium 156) the first one never sees it open and waits until the call fails. So we let them be first. */
function let_them_close(channel) {
  const close = channel.close.bind(channel);
  channel.close = () => { setTimeout(close, INIT_KEPT); };
}

const Watched = globalThis.RTCPeerConnection;
if (Watched != null) globalThis.RTCPeerConnection = class extends Watched {
  constructor(...args) {
    super(...args);
    this.addEventListener('datachannel', ({ channel }) => { if (channel.label === INIT) let_them_close(channel); });
  }

  createDataChannel(label, ...rest) {
    if (label === INIT) made.push(this);
    return super.createDataChannel(label, ...rest);
  }

  setRemoteDescription(description) {
    if (description.type === 'offer') made.push(this);
    return super.setRemoteDescription(description);
  }
};

/** The newest that is connected. Each is given out once. */
export function claim_connected() {
  for (let at = made.length - 1; at >= 0; at--) {
    if (made[at].connectionState === 'connected') return made.splice(at, 1)[0];
    if (made[at].connectionState === 'closed') made.splice(at, 1);
  }
  return null;
}

/** The types of candidates that the newest attempt has seen: { ours, theirs }, sets; empty ones when there was none. */
export async function candidates_of_attempt() {
  const kinds = { ours: new Set(), theirs: new Set() };
  for (const stat of (await made.at(-1)?.getStats().catch(() => null))?.values() ?? []) {
    if (stat.type === 'local-candidate') kinds.ours.add(stat.candidateType);
    if (stat.type === 'remote-candidate') kinds.theirs.add(stat.candidateType);
  }
  return kinds;
}

const KINDS = {
  host: 'own address',
  srflx: 'address outside its NAT', // the relay has told, by STUN
  prflx: 'address as its packets showed it',
  relay: 'TURN server', // which nobody here uses
};

/** Without the right to use camera or microphone, a page is not told the addresses of its own network. */
const place = ({ address, ip, port }) => {
  const known = address ?? ip;
  return known ? `${known.includes(':') ? `[${known}]` : known}:${port}` : `port ${port}`;
};

/** { ours, theirs: { kind, what, place }, protocol } of the candidate pair in use; null while there is none. */
export async function selected_pair(connection) {
  const stats = await connection.getStats();
  const all = [...stats.values()];
  const transport = all.find(each => each.type === 'transport' && each.selectedCandidatePairId != null);
  const pair = stats.get(transport?.selectedCandidatePairId) ?? all.find(each =>
    each.type === 'candidate-pair' && each.nominated && each.state === 'succeeded');
  const [ours, theirs] = [stats.get(pair?.localCandidateId), stats.get(pair?.remoteCandidateId)];
  if (ours == null || theirs == null) return null;
  const side = each => ({ kind: each.candidateType, what: KINDS[each.candidateType] ?? each.candidateType, place: place(each) });
  return { ours: side(ours), theirs: side(theirs), protocol: ours.protocol.toUpperCase() };
}
