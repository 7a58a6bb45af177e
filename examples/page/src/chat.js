// /minke-example/chat/1.0.0: lines. What comes is "WHO: TEXT" or "* TEXT".
import { Reader, send } from './reader.js';

export async function join_chat(connection, on_line) {
  const stream = await connection.newStream('/minke-example/chat/1.0.0');
  const reader = new Reader(stream);
  const ended = (async () => {
    for (let line; (line = await reader.line()) != null;) {
      const at = line.indexOf(': ');
      if (line.startsWith('* ')) on_line(null, line.slice(2));
      else if (at > 0) on_line(line.slice(0, at), line.slice(at + 2));
    }
  })();
  return { say: line => send(stream, new TextEncoder().encode(`${line}\n`)), ended };
}
