// What a run leaves behind: results.json with every figure, results.md with the tables, and the plots.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { bar_plot, line_plot } from './plot.mjs';
import { judge, spread_of } from './statistics.mjs';

const cell = (value, digits) => value.toFixed(digits);

function spread_cell(value, digits) {
  if (value == null) return '';
  const shown = [value.median, value.min, value.max].map(each => cell(each, digits));
  return shown.every(each => each === shown[0]) ? shown[0] : `**${shown[0]}** (${shown[1]} - ${shown[2]})`;
}

const table = (head, rows) => [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
const with_unit = ({ title, unit }) => unit ? `${title}, ${unit}` : title;

function row_cells(row, measures) {
  const why = row.not_run ?? (row.rounds.length === 0 ? `failed: ${row.failures[0] ?? 'no round'}` : null);
  if (why != null) return [row.title, `not run: ${why}`, ...measures.slice(1).map(() => '')];
  const title = row.failures.length > 0 ? `${row.title} (failed in ${row.failures.length} of ${row.failures.length + row.rounds.length} rounds)` : row.title;
  return [title, ...measures.map(([name, { digits = 2 }]) => spread_cell(row.spread[name], digits))];
}

function target_cells({ title, unit, must, aim, at_most, digits = 2, result }) {
  const bound = value => value == null ? '' : `${at_most ? 'at most ' : ''}${value}${unit ? ` ${unit}` : ''}`;
  const verdict = result == null ? 'not measured' : !result.must && must != null ? '**missed**' : result.aim || aim == null ? 'reached' : 'must reached';
  return [title, spread_cell(result, digits), bound(must), bound(aim), verdict];
}

/** Adds to the results of a case what follows from them: spreads, and verdicts on its targets. */
export function conclude(each, results) {
  for (const row of results.rows) {
    row.spread = {};
    for (const name of Object.keys(each.measures)) row.spread[name] = spread_of(row, name);
  }
  results.targets = (each.targets ?? []).map(target => ({ ...target, result: judge(target, results.rows) }));
  results.measures = each.measures;
  results.notes = each.notes?.(results) ?? null;
  return results;
}

function markdown_of(results) {
  const measures = Object.entries(results.measures);
  const parts = [`## ${results.title}`, results.about];
  if (results.rows.length > 0)
    parts.push(table(['', ...measures.map(([, measure]) => with_unit(measure))], results.rows.map(row => row_cells(row, measures))));
  if (results.targets.length > 0)
    parts.push(table(['Round by round', 'median (smallest - largest)', 'must', 'aim', ''], results.targets.map(target_cells)));
  for (const { file, title } of results.plots) parts.push(`![${title}](${file}.svg)`);
  if (results.notes != null) parts.push(results.notes);
  const loads = results.rows.flatMap(row => row.rounds.map(round => round.load));
  if (loads.length > 0) {
    const rounds = Math.max(...results.rows.map(row => row.rounds.length));
    parts.push(`${results.date.slice(0, 10)}, commit ${results.commit}; ${rounds} round${rounds === 1 ? '' : 's'}; load average ${
      cell(Math.min(...loads), 1)} to ${cell(Math.max(...loads), 1)}.`);
  }
  return parts.join('\n\n');
}

/** Curves of the first round, from figures that are a list of numbers, one a step. */
function time_plot({ title, over_time, step, y, x = { title: 'time', unit: 's' } }, rows) {
  const series = rows.filter(row => row.rounds[0]?.[over_time]?.length > 0).map(row => ({
    title: row.series ?? row.title,
    points: row.rounds[0][over_time].map((value, i) => ({ x: (i + 0.5) * step, min: value, median: value, max: value })),
  }));
  return series.length > 0 ? line_plot(title, x, y, series) : null;
}

/** One plot of a case as SVG; null when there is nothing to show. */
export function plot_of(each, plot, results) {
  const rows = plot.rows == null ? results.rows : results.rows.filter(row => plot.rows.includes(row.name));
  const y_axis = each.measures[plot.measure];
  if (plot.kind === 'bars') {
    const bars = rows.map(row => ({
      title: row.title, reference: row.reference, not_run: row.not_run == null ? 'failed' : `not run: ${row.not_run}`, ...row.spread[plot.measure],
    }));
    return bars.some(bar => bar.median != null) ? bar_plot(plot.title, y_axis, bars) : null;
  }
  if (plot.kind === 'time') return time_plot(plot, rows);
  const series = new Map();
  for (const row of rows) {
    if (row.x == null || row.spread[plot.measure] == null) continue;
    const name = row.series ?? row.title;
    if (!series.has(name)) series.set(name, { title: name, points: [] });
    series.get(name).points.push({ x: row.x, ...row.spread[plot.measure] });
  }
  return series.size > 0 ? line_plot(plot.title, plot.x, y_axis, [...series.values()]) : null;
}

function page(machine, all) {
  return `# Results

Written by \`./dev bench\`; [performance.md](../performance.md) says what the numbers mean and how to repeat them. Each row ran
once in a round, and all took turns; a cell is the median over the rounds (smallest - largest). The second table of a case compares
rows within a round: its median is that of the ratios. GB are 10^9 bytes. All figures, round by round: [results.json](results.json).

${machine.cores} x ${machine.cpu}, ${machine.memory_gib} GiB, Linux ${machine.kernel}, ${machine.compiler}, ${machine.openssl}, Node ${machine.node}.

${all.map(markdown_of).join('\n\n')}
`;
}

/** Writes all into a folder. Cases of an earlier run there stay when this one did not have them. */
export function write_report(folder, machine, cases, results_of) {
  mkdirSync(folder, { recursive: true });
  let before = [];
  try {
    before = JSON.parse(readFileSync(`${folder}/results.json`, 'utf8')).cases;
  } catch {} // none yet
  const all = [];
  for (const each of cases) {
    const results = results_of.get(each.name) ?? before.find(old => old.name === each.name);
    if (results == null) continue;
    all.push(results);
    if (!results_of.has(each.name)) continue;
    results.plots = [];
    for (const plot of each.plots ?? []) {
      const svg = plot_of(each, plot, results);
      if (svg == null) continue;
      writeFileSync(`${folder}/${plot.file}.svg`, svg);
      results.plots.push({ file: plot.file, title: plot.title });
    }
  }
  writeFileSync(`${folder}/results.json`, `${JSON.stringify({ machine, cases: all }, null, 1)}\n`);
  writeFileSync(`${folder}/results.md`, page(machine, all));
}
