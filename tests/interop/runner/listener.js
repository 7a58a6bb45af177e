// `minke listen` under test, or the js listener in its place, and the bad network before it.
import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { go_peer } from './go.js';
import { LineProcess, say_exit } from './processes.js';
import { here, root } from './options.js';

const TEST_PROTOCOLS = '--test-protocols';

function command_of({ listener, minke }) {
  if (listener === 'go') return [go_peer()];
  return listener === 'js' ? [process.execPath, `${here}peers/js_listener.js`, 'listen', '--json'] : [minke, 'listen', '--json'];
}

async function start(options, peer, log_path, with_test_protocols) {
  const [command, ...first] = command_of(options);
  const args = [...first, '--listen', peer.listen];
  if (with_test_protocols && options.listener !== 'go') args.push(TEST_PROTOCOLS);
  if (options.key != null) args.push('--key', options.key);
  if (options.verbose && options.listener !== 'go') args.push('-vv');
  const listener = new LineProcess(command, args, log_path);
  const family = peer.listen.split('/')[1];
  const line = await listener.find(each => each.event === 'listening' && each.addr.startsWith(`/${family}/`), 20_000);
  listener.address = line?.addr;
  return listener;
}

/** Returns a LineProcess with `address`, and `lacks_test_protocols` when minke does not know the option. */
export async function start_listener(options, peer, log_path) {
  let listener = await start(options, peer, log_path, true);
  if (listener.address == null && listener.ended?.code === 2) {
    listener = await start(options, peer, log_path, false);
    listener.lacks_test_protocols = true;
  }
  if (listener.address != null) return listener;
  const exit = await listener.stop();
  throw new Error(`no address from the listener (${say_exit(exit)}), see ${log_path}`);
}

function shim_path() {
  const source = `${root}tests/shim/udp_shim.c`;
  const program = `${root}build/udp_shim`;
  if (existsSync(program) && statSync(program).mtimeMs >= statSync(source).mtimeMs) return program;
  execFileSync(process.env.CC ?? 'cc', ['-std=c11', '-O2', '-o', program, source], { stdio: 'inherit' });
  return program;
}

/** Puts the shim before an address. Returns the process, with `address` to dial instead. */
export async function start_shim(address, path, seed, log_path) {
  const [, family, host, , port] = address.split('/');
  const bracket = name => family === 'ip6' ? `[${name}]` : name;
  const loopback = family === 'ip6' ? '::1' : '127.0.0.1';
  const impairments = Object.entries(path).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const shim = new LineProcess(shim_path(), ['--listen', `${bracket(loopback)}:0`, '--to', `${bracket(host)}:${port}`,
    ...impairments, '--seed', `${seed}`, '--seconds', '3600'], log_path);
  const line = await shim.find(each => each.event === 'listening', 5000);
  if (line == null) throw new Error(`the shim does not start, see ${log_path}`);
  shim.address = address.replace(`/${host}/udp/${port}/`, `/${loopback}/udp/${line.port}/`);
  return shim;
}
