// What went wrong, in words that say what to do next.

export class Problem extends Error {
  constructor(message, next) {
    super(message);
    this.next = next;
  }
}

/** Why this text is no address that a page can dial; null: it is one. */
export function problem_of_address(text) {
  if (text === '') return new Problem('There is no address yet.',
    'Start the listener and paste the line that it prints after “listening”.');
  if (!text.startsWith('/')) return new Problem('This is not a multiaddr.',
    'It begins with /ip4/ or /ip6/. Copy the whole line that the listener prints.');
  if (!/^\/ip[46]\//.test(text)) return new Problem('A page dials IP addresses only.',
    'Use the address of the listener that begins with /ip4/ or /ip6/.');
  if (!text.includes('/webrtc-direct')) return new Problem('A page cannot use this transport here.',
    'Use the address of the listener that has /webrtc-direct in it.');
  if (!text.includes('/certhash/')) return new Problem('The certificate hash is missing.',
    'Copy the whole address: without /certhash/… the browser cannot know whom to trust.');
  if (/^\/ip4\/0\.0\.0\.0\/|^\/ip6\/::\//.test(text)) return new Problem('This means “every address of that machine”.',
    'Use one that reaches it, such as /ip4/127.0.0.1/… on the same machine.');
  return null;
}

/** What to say of a dial that failed, given how far it came. */
export function explain_dial(error, setup) {
  if (error instanceof Problem) return error;
  const all = [error, ...(error.errors ?? [])];
  const is = name => all.some(each => each.name === name);
  const text = all.map(each => each.message).join('; ');
  if (is('UnexpectedPeerError') || /peer id|PeerId/i.test(text) && setup.done.has('sctp'))
    return new Problem('Somebody else answers there.',
      'The certificate fits but the peer id at the end of the address does not. Copy the whole address again.');
  if (/multiaddr|certhash|multibase|Non-base|invalid/i.test(text) && setup.done.size === 0)
    return new Problem('The address is damaged.', `Copy it again, all of it. (${text})`);
  if (!setup.done.has('ice'))
    return new Problem('Nobody answers there.',
      'Is the listener running, with this very address? Compare with what it prints. Does a firewall let UDP through?');
  if (!setup.done.has('dtls'))
    return new Problem('Somebody answers, but not with the certificate in this address.',
      'The listener has probably been started again, as somebody new. Copy the address that it prints now; ' +
      'with --key FILE its address stays.');
  if (!setup.done.has('sctp'))
    return new Problem('The connection stopped half-way.',
      `Try again. If it stays so, something on the way may drop larger datagrams. (${text})`);
  return new Problem('The listener could not be verified.',
    `Try again, and compare the peer id in the address. (${text})`);
}

/** Why a stream could not be opened or ended early. */
export function explain_stream(error, what) {
  if (error instanceof Problem) return error;
  if (error.name === 'UnsupportedProtocolError' || /protocol selection failed|unsupported protocol/i.test(error.message))
    return new Problem(`The other end does not do ${what}.`,
      'It runs, but it is another program: start build/examples/chat.');
  if (error.name === 'StreamResetError') return new Problem(`The other end broke off ${what}.`,
    'It may say why. Try again.');
  return new Problem(`${what[0].toUpperCase()}${what.slice(1)} ended: ${error.message}.`, 'Connect again.');
}
