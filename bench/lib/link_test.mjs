// The link itself, with the kernel's TCP on it: `node --test bench/lib/link_test.mjs`. Skipped where there can be no link, or
// it has not been built.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { flows_over, measure, no_link } from './link.mjs';
import { programs } from './cases.mjs';

const skip = no_link() ?? false;
const between = (value, least, most) => assert.ok(value >= least && value <= most, `${value} is not between ${least} and ${most}`);

test('a flow takes what the link has, in packets of its size', { skip }, async () => {
  const { received: [flow], report: { forth, back } } = await flows_over({ rate: '20M', rtt: 20 }, [{ kind: 'tcp', seconds: 3 }]);
  between(flow.bytes * 8 / 3 / 20e6, 0.1, 0.97); // heads take 3.5 %; a busy machine may take any part of the rest
  assert.equal(forth.largest_packet, 1500);
  assert.ok(back.largest_packet < 200);
  assert.equal(forth.dropped.ring + forth.dropped.device + forth.dropped.refused, 0);
  assert.ok(forth.queue_max <= forth.queue_limit);
});

test('what is lost is what was asked for', { skip }, async () => {
  const { report: { forth, back } } = await flows_over({ rate: '20M', rtt: 5, loss: 0.05, seed: 5 }, [{ kind: 'tcp', seconds: 3 }]);
  between((forth.dropped.loss + back.dropped.loss) / (forth.packets + back.packets), 0.02, 0.09);
  const figures = await measure({ rate: '20M', rtt: 5 }, 'tcp', 1);
  assert.equal(figures.lost, 0);
});

test('commands see each other and nothing else', { skip }, () => {
  const link = (...command) => spawnSync(`${programs}link`, ['--rtt', '2', '--seconds', '20', '--report', '/dev/null', '--', 'sleep', '20', '--', ...command], { encoding: 'utf8' });
  const routes = link('cat', '/proc/net/route');
  assert.equal(routes.status, 0);
  assert.deepEqual(routes.stdout.trim().split('\n').slice(1).map(line => line.split('\t')[0]), ['link0']);
  assert.notEqual(link('false').status, 0);
});

test('nothing is left behind', { skip }, () => {
  const { status } = spawnSync(`${programs}link`, ['--seconds', '1', '--report', '/dev/null', '--', 'sleep', '977', '--', 'sleep', '977']);
  assert.notEqual(status, 0); // the command at a was cut off
  assert.equal(spawnSync('pgrep', ['-f', '^sleep 977$']).status, 1);
});
