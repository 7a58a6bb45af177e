// All cases in one run: round by round, in each round case by case, in each case row by row, so that whatever else the
// machine does hits all alike. lib/cases.mjs says what a case is.
import { parseArgs } from 'node:util';
import { load_cases, root } from './lib/cases.mjs';
import { describe_machine, load, quiet } from './lib/machine.mjs';
import { conclude, write_report } from './lib/report.mjs';

const HELP = `usage: ./dev bench [--rounds N] [--only CASE[,CASE]...] [--quick] [--out DIR] [--list]
       ./dev bench relay|private [...]

  --rounds N    of each, taking turns (5; with --quick 1)
  --only CASES  these alone; those of an earlier run in DIR stay as they are
  --quick       short measurements: whether all works, not what the numbers are
  --out DIR     results.md, results.json and plots (docs/performance; with --quick build/performance)
  --list        the cases and their rows
`;
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const say = text => process.stderr.write(`${text}\n`);

function usage_error(text) {
  say(`bench: ${text}\n\n${HELP}`);
  process.exit(2);
}

const quick = options.quick;
const rounds_n = Number(options.rounds ?? (quick ? 1 : 5));
if (!Number.isInteger(rounds_n) || rounds_n < 1) usage_error('--rounds wants a number');
const out = options.out ?? `${root}${quick ? 'build/performance' : 'docs/performance'}`;
const all_cases = await load_cases();
const only = options.only.flatMap(list => list.split(','));
for (const name of only) if (!all_cases.some(each => each.name === name)) usage_error(`there is no case ${name}`);
const cases = only.length > 0 ? all_cases.filter(each => only.includes(each.name)) : all_cases;

if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (options.list) {
  for (const each of cases) {
    console.log(`${each.name}: ${each.title}`);
    for (const row of each.rows({ quick })) console.log(`    ${row.name.padEnd(28)} ${row.title}`);
  }
  process.exit(0);
}

// ---- the rounds

const machine = describe_machine();
const plan = [];
for (const each of cases) {
  const rows = [];
  for (const row of each.rows({ quick })) {
    const not_run = typeof row.not_run === 'function' ? await row.not_run() : row.not_run;
    const { run, ...described } = row;
    rows.push({ run, result: { ...described, not_run: not_run ?? null, rounds: [], failures: [] } });
  }
  plan.push({ each, rows });
}

async function run_row(each, row, round) {
  const busy = await quiet(quick ? 1 : 5);
  const context = { round, quick, seconds: quick ? 0.5 : 2 };
  const begun = performance.now();
  try {
    const figures = await row.run(context);
    if (figures.not_run != null) row.result.not_run = figures.not_run;
    else row.result.rounds.push({ round, load: load(), busy, ...figures });
    const shown = Object.keys(each.measures).filter(name => Number.isFinite(figures[name]))
      .map(name => `${figures[name].toFixed(each.measures[name].digits ?? 2)} ${each.measures[name].unit ?? name}`);
    say(`  ${row.result.title.padEnd(40)} ${figures.not_run ?? shown.join(', ')}  [${((performance.now() - begun) / 1000).toFixed(1)} s]`);
  } catch (error) {
    row.result.failures.push(error.message);
    say(`  ${row.result.title.padEnd(40)} failed: ${error.message}`);
  }
}

for (let round = 1; round <= rounds_n; round++) {
  for (const { each, rows } of plan) {
    if (round > (each.rounds ?? rounds_n)) continue;
    say(`round ${round} of ${Math.min(rounds_n, each.rounds ?? rounds_n)}: ${each.title}`);
    for (const row of rows) {
      if (row.result.not_run == null) await run_row(each, row, round);
      else if (round === 1) say(`  ${row.result.title.padEnd(40)} not run: ${row.result.not_run}`);
    }
  }
}

const results_of = new Map();
for (const { each, rows } of plan) {
  const { name, title, about } = each;
  results_of.set(name, conclude(each, {
    name, title, about, date: new Date().toISOString(), commit: machine.commit, quick, rows: rows.map(row => row.result),
  }));
}
write_report(out, machine, all_cases, results_of);
for (const { targets } of results_of.values()) {
  for (const { title, result, must, aim } of targets)
    say(`${title}: ${result == null ? 'not measured' : `${result.median.toFixed(2)} (${result.min.toFixed(2)} - ${result.max.toFixed(2)})`}; must ${must}, aim ${aim}`);
}
say(`written to ${out}`);
