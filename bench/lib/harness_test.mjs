// What the benchmarks themselves rest on, tried on numbers that are known: `./dev check bench`, in a second or two.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { load_cases } from './cases.mjs';
import { bar_plot, line_plot, ticks_to } from './plot.mjs';
import { cpu_of, run, start } from './processes.mjs';
import { conclude, plot_of, write_report } from './report.mjs';
import { judge, spread, spread_of } from './statistics.mjs';

const rows = [
  { name: 'a', title: 'A', x: 1, rounds: [{ round: 1, load: 0.1, speed: 10 }, { round: 2, load: 0.4, speed: 30 }], failures: [], not_run: null },
  { name: 'b', title: 'B', x: 10, rounds: [{ round: 1, load: 0.1, speed: 5 }, { round: 2, load: 0.2, speed: 10 }, { round: 3, load: 0.2, speed: 1 }], failures: ['once'], not_run: null },
  { name: 'c', title: 'C', x: 10, rounds: [], failures: [], not_run: 'there is <none> here' },
];
const ratio = { title: 'A / B', must: 2.5, aim: 3, value: of => of('a').speed / of('b').speed };

test('the median is the middle one, or between the two', () => {
  assert.deepEqual(spread([3, 1, 2]), { min: 1, median: 2, max: 3 });
  assert.deepEqual(spread([4, 1, 2, 3]), { min: 1, median: 2.5, max: 4 });
  assert.deepEqual(spread_of(rows[1], 'speed'), { min: 1, median: 5, max: 10 });
  assert.equal(spread_of(rows[2], 'speed'), null);
});

test('a target is judged by the rounds that have all its rows', () => {
  assert.deepEqual(judge(ratio, rows), { rounds: 2, min: 2, median: 2.5, max: 3, must: true, aim: false });
  assert.deepEqual(judge({ ...ratio, at_most: true, must: 2.4, aim: null }, rows), { rounds: 2, min: 2, median: 2.5, max: 3, must: false, aim: null });
  assert.equal(judge({ value: of => of('a').speed / of('c').speed }, rows), null);
  assert.equal(judge({ value: of => of('nobody').speed }, rows), null);
});

test('ticks are round and reach the largest value', () => {
  assert.deepEqual(ticks_to(12), [0, 5, 10, 15]);
  assert.deepEqual(ticks_to(1), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks_to(0), [0, 1]);
  for (const max of [1e-6, 0.37, 99.9, 1e7]) assert.ok(ticks_to(max).at(-1) >= max && ticks_to(max).length <= 8, `${max}`);
});

/** Tags open and close in order, and no number has gone wrong. */
function check_svg(svg) {
  const open = [];
  for (const [, slash, name, self] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (slash) assert.equal(open.pop(), name);
    else if (!self) open.push(name);
  }
  assert.deepEqual(open, []);
  assert.ok(!/NaN|undefined|Infinity/.test(svg), svg);
}

test('plots are well-formed', () => {
  const axis = { title: 'speed', unit: 'Gbit/s' }, point = { min: 1, median: 2, max: 3 };
  const bars = bar_plot('Bars & "more"', axis, [{ title: 'A <b>', ...point }, { title: 'none', not_run: 'not run: none' }]);
  check_svg(bars);
  assert.ok(bars.includes('A &#60;b&#62;') && bars.includes('speed, Gbit/s') && bars.includes('not run: none'));
  for (const log of [true, false]) check_svg(line_plot('Lines', { title: 'x', log }, axis, [{ title: 'A', points: [{ x: 1, ...point }, { x: 100, ...point }] }]));
  check_svg(line_plot('One point', { title: 'x', log: true }, axis, [{ title: 'A', points: [{ x: 5, ...point }] }]));
});

test('curves are made of the first round', () => {
  const results = { rows: [{ name: 'a', title: 'A', spread: {}, rounds: [{ rates: [1, 2, 3] }] }, { name: 'b', title: 'B', spread: {}, rounds: [] }] };
  const plot = { kind: 'time', title: 'Over time', over_time: 'rates', step: 0.5, y: { title: 'user data', unit: 'Mbit/s' } };
  const svg = plot_of({ measures: {} }, plot, results);
  check_svg(svg);
  assert.ok(svg.includes('time, s') && svg.includes('user data, Mbit/s') && !svg.includes('>B<'));
  assert.equal(plot_of({ measures: {} }, { ...plot, over_time: 'none' }, results), null);
});

test('a report has every row, and keeps the cases of an earlier run', () => {
  const folder = mkdtempSync(`${tmpdir()}/minke-bench-`);
  const machine = { cpu: 'none', cores: 2, memory_gib: 1, kernel: '6', compiler: 'cc', openssl: '3', node: 'v20', commit: 'abc' };
  const make = name => ({
    name, title: `Case ${name}`, about: 'About.', measures: { speed: { title: 'speed', unit: 'm/s', digits: 1 } }, targets: [ratio],
    plots: [{ file: name, title: 'Plot', kind: 'bars', measure: 'speed' }, { file: `${name}-x`, title: 'By x', kind: 'lines', measure: 'speed', x: { title: 'x' } }],
  });
  const results = each => conclude(each, { name: each.name, title: each.title, about: each.about, date: '2026-01-01T00:00:00Z', commit: 'abc', rows: structuredClone(rows) });
  try {
    const [one, two] = [make('one'), make('two')];
    write_report(folder, machine, [one, two], new Map([['one', results(one)]]));
    write_report(folder, machine, [one, two], new Map([['two', results(two)]]));
    const page = readFileSync(`${folder}/results.md`, 'utf8');
    assert.ok(page.indexOf('## Case one') > 0 && page.indexOf('## Case two') > page.indexOf('## Case one'));
    assert.ok(page.includes('| A | **20.0** (10.0 - 30.0) |'));
    assert.ok(page.includes('| B (failed in 1 of 4 rounds) |') && page.includes('not run: there is <none> here'));
    assert.ok(page.includes('| A / B | **2.50** (2.00 - 3.00) | 2.5 | 3 | must reached |'));
    const { cases } = JSON.parse(readFileSync(`${folder}/results.json`, 'utf8'));
    assert.deepEqual(cases.map(each => each.targets[0].result.median), [2.5, 2.5]);
    check_svg(readFileSync(`${folder}/one-x.svg`, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function runs(pid) {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

test('processes: lines, failures, limits', async () => {
  assert.deepEqual(await run('sh', ['-c', 'echo no JSON; echo \'{"a":1}\'; echo \'{"a":2}\''], {}), { a: 2 });
  await assert.rejects(run('sh', ['-c', 'echo \'{"a":1}\'; echo why not >&2; exit 3']), /ended with 3 why not/);
  await assert.rejects(run('sh', ['-c', 'exec sleep 10'], { limit_s: 0.2 }), /not done within 0.2 s/);
  await assert.rejects(run('/nonexistent/program', []), /ENOENT/);
  const { orphan } = await run('sh', ['-c', 'sleep 10 >/dev/null & echo "{\\"orphan\\":$!}"']);
  for (let i = 0; runs(orphan) && i < 100; i++) await sleep(10);
  assert.ok(!runs(orphan), 'what a program leaves behind is ended');
  const server = start('sh', ['-c', 'echo \'{"addr":"x"}\'; exec sleep 10']);
  assert.equal((await server.line(line => line.addr != null)).addr, 'x');
  assert.equal((await server.line(line => line.addr != null)).addr, 'x');
  assert.ok(cpu_of(server.pid) < 1);
  const never = assert.rejects(server.line(line => line.other), /ended with SIGTERM/);
  await server.end();
  await never;
  assert.ok(Number.isNaN(cpu_of(server.pid)));
});

test('all cases say what they must', async () => {
  const cases = await load_cases();
  const files = cases.flatMap(each => (each.plots ?? []).map(plot => plot.file));
  assert.equal(new Set(files).size, files.length, 'two plots have one name');
  for (const each of cases) {
    assert.ok(each.title && each.about && Number.isFinite(each.order), each.name);
    for (const quick of [true, false]) {
      const names = each.rows({ quick }).map(row => row.name);
      assert.equal(new Set(names).size, names.length, `${each.name}: two rows have one name`);
      for (const row of each.rows({ quick })) assert.ok(row.title && typeof row.run === 'function', `${each.name}: ${row.name}`);
      const asked = new Set();
      for (const target of each.targets ?? []) target.value(name => { asked.add(name); return {}; });
      for (const name of asked) assert.ok(names.includes(name), `${each.name}: a target wants the row ${name}`);
    }
    for (const plot of each.plots ?? []) {
      if (plot.measure != null) assert.ok(plot.measure in each.measures, `${each.name}: a plot wants ${plot.measure}`);
      assert.ok(['bars', 'lines', 'time'].includes(plot.kind), `${each.name}: a plot of no kind`);
      if (plot.kind === 'lines') assert.ok(plot.x?.title, `${each.name}: an axis without a name`);
    }
  }
});
