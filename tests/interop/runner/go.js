// The go-libp2p peer: built once into build/, and again when its source changes.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { here, root } from './options.js';

const source = `${here}go/`;
const program = `${root}build/go_peer`;

export function has_go() {
  return spawnSync('go', ['version']).status === 0;
}

export function go_peer() {
  const newest = Math.max(...readdirSync(source).map(name => statSync(`${source}${name}`).mtimeMs));
  if (!existsSync(program) || statSync(program).mtimeMs < newest)
    execFileSync('go', ['build', '-o', program, '.'], { cwd: source, stdio: 'inherit' });
  return program;
}
