// Serves the dist/index.html of a page, by default at http://127.0.0.1:8080/.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

/** `page` is the URL of a file beside dist/, `words` are [PORT [HOST]]. */
export function serve(page, words) {
  const port = Number(words[0] ?? 8080);
  const host = words[1] ?? '127.0.0.1';
  const file = new URL('dist/index.html', page);
  const server = createServer(async (request, response) => {
    const answer = (code, type, body) => {
      response.writeHead(code, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'text/plain', 'GET or HEAD\n');
    if (!['/', '/index.html'].includes(request.url.split('?')[0])) return answer(404, 'text/plain', 'There is only /\n');
    try {
      answer(200, 'text/html', await readFile(file));
    } catch {
      answer(500, 'text/plain', 'dist/index.html is not there: run `npm run build`\n');
    }
  });
  server.on('error', error => {
    console.error(`cannot serve on ${host}:${port}: ${error.message}`);
    process.exit(1);
  });
  server.listen(port, host, () => console.log(`http://${host.includes(':') ? `[${host}]` : host}:${server.address().port}/`));
}
