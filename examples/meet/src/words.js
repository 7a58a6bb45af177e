// What went wrong on the way to somebody, and what to do next.
import { Problem } from '../../page/src/words.js';
import { candidates_of_attempt } from './path.js';

/** All that an error says: libp2p puts the ones of each address into an AggregateError. */
function text_of(error) {
  return [error, ...(error.errors ?? [])].map(each => `${each.name}: ${each.message}`).join('; ');
}

/** Of reaching the relay, reserving there, and calling over it. `done` are the steps that were. */
export function explain_call(error, done) {
  if (error instanceof Problem) return error;
  const text = text_of(error);
  if (/RESERVATION_REFUSED|status 200\b/.test(text)) return new Problem('The relay is full.', 'Try again later, or use another one.');
  if (/NO_RESERVATION/.test(text)) return new Problem('Nobody waits there.',
    'The page behind this link is closed, or has lost the relay. Ask for a new link.');
  if (/RESOURCE_LIMIT_EXCEEDED/.test(text)) return new Problem('The relay has too many circuits open.', 'Try again in a minute.');
  if (/CONNECTION_FAILED/.test(text)) return new Problem('The other end does not answer the relay.',
    'It has probably just gone. Try again in a minute.');
  if (/UnsupportedProtocol|protocol selection failed/i.test(text)) return new Problem(
    done.has('relay') ? 'The other end does not chat.' : 'This is no relay.',
    done.has('relay') ? 'It is another program: examples/meet or examples/chat is wanted.' : '`minke relay` prints the address of one.');
  if (/UnexpectedPeer/.test(text)) return new Problem('Somebody else answers at the relay’s address.',
    'It has been started with another key. Copy the address that it prints now.');
  if (/multiaddr|multibase|Non-base|InvalidParameters/i.test(text)) return new Problem('The address is damaged.',
    `Copy it again, all of it. (${error.message})`);
  if (!done.has('relay')) return new Problem('The relay does not answer.',
    'Is it running, with this very address? Without --key it has a new one at every start. Does a firewall let it through?');
  return new Problem('The other end could not be reached over the relay.', `Try again. (${error.message})`);
}

/** Why there is no direct connection. */
export async function explain_direct(error) {
  const text = text_of(error);
  const go_on = 'Lines still go over the relay, within its limits; files cannot.';
  if (/UnsupportedProtocol|protocol selection failed/i.test(text))
    return new Problem('The other end cannot be reached directly: it does not speak private webrtc.', go_on);
  const { ours, theirs } = await candidates_of_attempt();
  if (theirs.size === 0) return new Problem('The direct connection did not come about: the other end named no address.', go_on);
  if (!ours.has('srflx') && !theirs.has('srflx')) return new Problem(
    'The direct connection did not come about: neither end knows its public address.',
    `The relay tells it, by STUN, unless a firewall drops UDP to it. Both in one network need none. ${go_on}`);
  return new Problem('The direct connection did not come about.',
    `One of the networks probably lets no UDP through, or both hide behind NATs that use another port for each connection. ${go_on}`);
}
