// How many round trips pass before the first byte is read.
import { existsSync } from 'node:fs';
import { root } from '../lib/cases.mjs';
import { start } from '../lib/processes.mjs';

const simulation = `${root}build/tests/sim-round_trips_test`;

/** The worst of all paths that were simulated: timers of the set-up must not matter on any. */
async function of_version(version) {
  const program = start(simulation, ['--json'], { cwd: root });
  await program.done;
  const lines = program.lines.filter(line => line.version === version);
  const worst = measure => Math.max(...lines.map(line => line[measure]));
  return { listener_reads: worst('listener_reads'), dialer_reads: worst('dialer_reads'), lines };
}

export default {
  order: 55,
  title: 'Round trips of a set-up',
  about: 'From the dialer\'s first datagram until the application at the other end reads the first byte, in the simulation: virtual time, ' +
    'where nothing but the path takes any. The worst of paths of 2 to 300 ms; exact, so one run is enough.',
  rounds: 1,
  measures: {
    listener_reads: { title: 'the listener reads', unit: 'round trips', digits: 2 },
    dialer_reads: { title: 'the dialer reads', unit: 'round trips', digits: 2 },
  },
  rows: () => [1, 2].map(version => ({
    name: `v${version}`, title: `webrtc-direct, version ${version}`,
    not_run: () => existsSync(simulation) ? null : 'the simulation is not built (cmocka is missing?)', run: () => of_version(version),
  })),
  targets: [
    { title: 'until the listener reads', unit: 'round trips', must: 5.5, aim: 4.5, at_most: true, value: of => of('v1').listener_reads },
    { title: 'until the dialer reads', unit: 'round trips', must: 5, aim: 4, at_most: true, value: of => of('v1').dialer_reads },
  ],
};
