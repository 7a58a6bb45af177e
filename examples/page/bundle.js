// Bundles a page's src/ into its dist/index.html, one file that needs nothing else: it runs from a static server and from
// file://. What pages have in common is in ours: <!-- cards.html --> and style.css, to which a page's own style.css adds.
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const SHARED = new URL('src/', import.meta.url);

/** `build` is esbuild's; `page` is the URL of a file beside src/. */
export async function bundle(build, page) {
  const at = path => new URL(path, page);
  const made = await build({
    entryPoints: [fileURLToPath(at('src/main.js'))], bundle: true, write: false, minify: true, format: 'iife',
    platform: 'browser', target: 'es2022', logLevel: 'warning',
    nodePaths: [fileURLToPath(at('node_modules'))], // for the modules that are shared
  });
  const read = url => readFile(url, 'utf8');
  const styles = new Set([new URL('style.css', SHARED).href, at('src/style.css').href].filter(url => existsSync(new URL(url))));
  const style = (await Promise.all([...styles].map(url => read(new URL(url))))).join('');
  const cards = await read(new URL('cards.html', SHARED));
  const html = (await read(at('src/index.html')))
    .replace('<!-- cards.html -->', () => cards.trim())
    .replace('/* style.css */', () => style)
    .replace('/* main.js */', () => made.outputFiles[0].text);
  await mkdir(at('dist/'), { recursive: true });
  await writeFile(at('dist/index.html'), html);
  console.log(`${fileURLToPath(at('dist/index.html'))}: ${Math.round(html.length / 1024)} KiB`);
}
