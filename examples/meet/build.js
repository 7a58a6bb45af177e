import { build } from 'esbuild';
import { bundle } from '../page/bundle.js';

await bundle(build, import.meta.url);
