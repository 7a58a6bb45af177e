// What stands behind # in a link: relay=ADDR, and in one that calls somebody &peer=ID.
import { Problem } from '../../page/src/words.js';

/** { relay, peer } of a link, or of an address that is typed: a relay's, or one with /p2p-circuit as programs print it. */
export function read_link(text) {
  const said = text.slice(text.indexOf('#') + 1);
  const fields = new URLSearchParams(said);
  if (fields.has('relay')) return { relay: fields.get('relay'), peer: fields.get('peer') };
  const [relay, circuit] = said.split('/p2p-circuit');
  return { relay, peer: circuit?.match(/\/p2p\/([^/]+)$/)?.[1] ?? null };
}

/** A multiaddr has nothing that would have to be escaped here, and a link is to be short: it becomes a QR code. */
export const link_to = (relay, peer) => `#relay=${relay}${peer == null ? '' : `&peer=${peer}`}`;

/** Why a page cannot meet anybody there; null: it can. */
export function problem_of_link(relay, peer) {
  const wrong = problem_of_relay(relay);
  if (wrong != null || peer == null) return wrong;
  if (relay.endsWith(`/p2p/${peer}`)) return new Problem('This calls the relay itself.',
    'A relay does not chat. The link of somebody who waits there has another id at its end.');
  return null;
}

function problem_of_relay(text) {
  if (text === '') return new Problem('There is no relay yet.',
    'Paste an address that `minke relay` prints, or the link that somebody sent you.');
  if (!text.startsWith('/')) return new Problem('This is neither a link to this page nor a multiaddr.',
    'A multiaddr begins with /ip4/, /ip6/ or /dns. Copy the whole line that the relay prints.');
  if (/^\/ip4\/0\.0\.0\.0\/|^\/ip6\/::\//.test(text)) return new Problem('This means “every address of that machine”.',
    'Use one that reaches it, such as /ip4/127.0.0.1/… on the same machine.');
  if (!/\/webrtc-direct\/|\/wss?\/|\/tls\/ws\//.test(text)) return new Problem('A page cannot use this transport.',
    'Use the relay’s address that has /webrtc-direct in it, or /ws or /wss.');
  if (text.includes('/webrtc-direct') && !text.includes('/certhash/')) return new Problem(
    'The certificate hash is missing.', 'Copy the whole address: without /certhash/… the browser cannot know whom to trust.');
  if (!/\/p2p\/[^/]+$/.test(text)) return new Problem('The relay’s peer id is missing.',
    'Copy the whole address, with /p2p/… at its end.');
  if (location.protocol === 'https:' && /\/ws\//.test(text) && !text.includes('/tls/ws/')) return new Problem(
    'A page from https:// may not use an insecure WebSocket.', 'Use the relay’s /webrtc-direct address, which is always encrypted.');
  return null;
}

const STUN_PLACE = /^\/(ip4|ip6)\/([^/]+)\/udp\/(\d+)\/webrtc-direct(?:\/|$)/;

/** The relay answers STUN on the port where it listens for webrtc-direct: its own address first, then those it lists. */
export function stun_servers(relay, listed) {
  const found = new Map();
  for (const address of [relay, ...listed]) {
    const [, family, host, port] = STUN_PLACE.exec(address) ?? [];
    if (family == null || found.has(family)) continue;
    found.set(family, `stun:${family === 'ip6' ? `[${host}]` : host}:${port}`);
  }
  return [...found.values()].map(urls => ({ urls }));
}
