// All cases in one run: round by round, in each round case by case, in each case row by row, so that whatever else the
// machine does hits all alike. lib/cases.mjs says what a case is.
import { parseArgs } from 'node:util';
import { load_cases, root } from './lib/cases.mjs';
import { describe_machine, load, quiet } from './lib/machine.mjs';
import { conclude, write_report } from './lib/report.mjs';

const HELP = `usage: ./dev bench [--rounds N] [--only CASE[,CASE]...] [--skip CASE[,CASE]...] [--quick] [--out DIR] [--list]
       ./dev bench relay|private [...]

  --rounds N    of each, taking turns (5; with --quick 1)
  --only CASES  these alone; --skip CASES: all but these; what an earlier run in DIR had of the others stays there
  --quick       short measurements: whether all works, not what the numbers are
  --out DIR     results.md, results.json and plots (docs/performance; with --quick build/performance)
  --list        the cases and their rows
`;
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    skip: { type: 'string', multiple: true, default: [] },
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
const [only, skip] = [options.only, options.skip].map(lists => lists.flatMap(list => list.split(',')));
for (const name of [...only, ...skip]) if (!all_cases.some(each => each.name === name)) usage_error(`there is no case ${name}`);
const cases = all_cases.filter(each => (only.length === 0 || only.includes(each.name)) && !skip.includes(each.name));

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

/** Seconds that may be spent waiting for others on this machine to be done: 5 before a measurement, so much in all. */
let patience_s = quick ? 15 : 120;

async function run_row(each, row, round) {
  const waits = performance.now();
  const busy = await quiet(Math.min(5, patience_s));
  patience_s = Math.max(0, patience_s - (performance.now() - waits) / 1000);
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

/** What there is so far: an interrupted run has something to show too. */
function report() {
  const results_of = new Map();
  for (const { each, rows } of plan) {
    const { name, title, about } = each;
    results_of.set(name, conclude(each, {
      name, title, about, date: new Date().toISOString(), commit: machine.commit, quick, rows: rows.map(row => row.result),
    }));
  }
  write_report(out, machine, all_cases, results_of);
  return [...results_of.values()];
}

for (let round = 1; round <= rounds_n; round++) {
  for (const { each, rows } of plan) {
    const rounds = Math.min(rounds_n, each.rounds ?? rounds_n);
    if (round > rounds) continue;
    say(`round ${round} of ${rounds}: ${each.title}`);
    for (const row of rows) {
      if (row.result.not_run == null) await run_row(each, row, round);
      else if (round === 1) say(`  ${row.result.title.padEnd(40)} not run: ${row.result.not_run}`);
    }
  }
  report();
}

const shown = value => value.toFixed(2);
for (const { targets } of report()) {
  for (const { title, result, must, aim } of targets) {
    const bounds = must == null ? '' : `; must ${must}${aim == null ? '' : `, aim ${aim}`}`;
    say(`${title}: ${result == null ? 'not measured' : `${shown(result.median)} (${shown(result.min)} - ${shown(result.max)})`}${bounds}`);
  }
}
say(`written to ${out}`);
