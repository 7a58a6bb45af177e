// Bundles src/ into dist/index.html, one file that needs nothing else: it runs from a static server and from file://.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

const at = path => new URL(path, import.meta.url);
const bundle = await build({
  entryPoints: [at('src/main.js').pathname], bundle: true, write: false, minify: true, format: 'iife',
  platform: 'browser', target: 'es2022', logLevel: 'warning',
});
const style = await readFile(at('src/style.css'), 'utf8');
const page = (await readFile(at('src/index.html'), 'utf8'))
  .replace('/* style.css */', () => style)
  .replace('/* main.js */', () => bundle.outputFiles[0].text);
await mkdir(at('dist/'), { recursive: true });
await writeFile(at('dist/index.html'), page);
console.log(`dist/index.html: ${Math.round(page.length / 1024)} KiB`);
