// A case measures one thing. It is a file of bench/cases/ that exports an object by default:
//
//   export default {
//     order: 10,                     its place in the report
//     title: 'One stream',           its heading
//     about: 'Sixteen KiB ...',      what is measured and how, Markdown
//     measures: {                    the columns of its table, in order
//       gbit_s: { title: 'user data', unit: 'Gbit/s', digits: 2 },
//     },
//     rows: options => [             what takes turns within a round, in this order
//       {
//         name: 'minke',             unique in the case: what targets and the JSON call it
//         title: 'Minke',            first column of the table
//         not_run: 'why not',        optional: it cannot run here (also a function, async if it likes, asked once; null: it can)
//         run: async context => ({ gbit_s: 11.9, anything: 'else' }),
//         reference: true,           optional: no peer, but what things are measured by; another colour
//         ...                        for lines in a plot: `series` (a name) and `x` (a number)
//       },
//     ],
//     targets: [                     optional: what must be reached, judged in every round
//       { title: 'Minke / ceiling', must: 0.6, aim: 0.9, value: of => of('minke').gbit_s / of('ceiling').gbit_s },
//     ],
//     plots: [                       optional
//       { file: 'throughput', title: 'One stream', kind: 'bars', measure: 'gbit_s' },
//       { file: 'loss', title: 'By loss', kind: 'lines', measure: 'mbit_s', x: { title: 'loss', unit: '%' } },
//       { file: 'time', title: 'Over time', kind: 'time', over_time: 'rates', step: 0.5, y: { title: 'user data', unit: 'Mbit/s' } },
//     ],
//     rounds: 3,                     optional: so many at most
//     notes: results => 'Markdown',  optional: goes below the table, for what is no number
//   };
//
// The run goes round by round, in a round case by case, in a case row by row, and waits for a quiet machine before each.
//
// `run` gets { round, quick, seconds }: seconds is how long a measurement of speed should take, quick that this is only a
// try. It returns figures: numbers under the names of `measures` become cells (median, smallest, largest over the rounds),
// anything else only stands in the JSON. It throws when it went wrong (the others go on, the failure is told), and may
// return { not_run: 'why' }. It leaves no process behind: use lib/processes.mjs, whose processes have a time limit.
//
// Plots show all rows, or those that `rows` (names) has. An axis `x` may have `log: true` and `show`, which makes a tick's text. In
// `time` the figure named by over_time is a list of numbers, one every `step` seconds; the first round's is shown.
//
// A target's `value` gets a function that gives the figures of a row in the same round; a round where one of them is
// missing does not count. `at_most: true` where less is better; `digits` (2) and `unit` as in measures.
//
// Programs in C that cases start are bench/programs/*.c, built by the target bench-programs into build/bench/.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const programs = `${root}build/bench/`;

/** All cases, in the order of the report, each with the `name` of its file, hyphens for underscores. */
export async function load_cases() {
  const folder = new URL('../cases/', import.meta.url);
  const files = readdirSync(folder).filter(file => file.endsWith('.mjs'));
  const cases = await Promise.all(files.map(async file => {
    const { default: each } = await import(new URL(file, folder));
    return { ...each, name: file.replace('.mjs', '').replaceAll('_', '-') };
  }));
  return cases.sort((a, b) => a.order - b.order);
}
