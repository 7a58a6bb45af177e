// /minke-example/chat/1.0.0: lines. What comes is "WHO: TEXT" or "* TEXT", what goes are bare lines.
import { Reader, send } from './reader.js';

export const CHAT_PROTOCOL = '/minke-example/chat/1.0.0';
const THROUGH_RELAYS = { runOnLimitedConnection: true };

const say_on = stream => line => send(stream, new TextEncoder().encode(`${line}\n`));

async function each_line(stream, on_line) {
  const reader = new Reader(stream);
  for (let line; (line = await reader.line()) != null;) on_line(line);
}

/** A guest of somebody's. on_line(who, text): who is null when the line tells what happens. Ends with `ended`. */
export async function join_chat(connection, on_line) {
  const stream = await connection.newStream(CHAT_PROTOCOL, THROUGH_RELAYS);
  const ended = each_line(stream, line => {
    const at = line.indexOf(': ');
    if (line.startsWith('* ')) on_line(null, line.slice(2));
    else if (at > 0) on_line(line.slice(0, at), line.slice(at + 2));
  });
  return { say: say_on(stream), leave: () => stream.close(), ended };
}

/** The other side of it: who has come is the guest. */
export function host_chat(stream, name, on_line) {
  const say = say_on(stream);
  const ended = each_line(stream, on_line).then(() => stream.close()); // it said goodbye, and so do we
  return { say: line => say(`${name}: ${line}`), tell: text => say(`* ${text}`), leave: () => stream.close(), ended };
}
