import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const here = fileURLToPath(new URL('..', import.meta.url));

const HELP = `usage: tests/interop/run [options]

Real peers dial \`minke listen\` and run the cells of the interop table; results go to build/interop.json and logs to
build/interop/.

  --require FAMILIES    js,chromium,go: a cell of these that is not run counts as a failure
  --all                 every combination; without it a representative run
  --only PEER[:CELL,..] only this peer (and cells); may be repeated
  --list                the peers and cells, then ends
  --minke PATH          the command under test (build/minke)
  --self-test           a js-libp2p listener takes minke's place; relays without minke
  --verbose             minke runs with -vv, its narration goes to the log
  --packets             Chromium logs its SCTP packets in clear to build/interop/PEER.chromium.log
  --seed N              of the lossy path (1)
  --lanes N             the lossy sequence runs in N lanes side by side (default 1: 8 minutes; 4: 2 minutes)
  --demo ADDR           dials ADDR and tells what happens: ping, echo, perf
  --page                instead of the table: examples/chat and two pages of examples/page (both built before)
  --meet                instead of the table: pages of examples/meet, through minke relay
  --status URL          instead of the table: the status page of a host that serves its metrics there
  --screenshot DIR      the pictures of those pages, as docs/images/ has them
`;

export function read_options(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      require: { type: 'string', default: '' },
      all: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      list: { type: 'boolean', default: false },
      minke: { type: 'string', default: `${root}build/minke` },
      'self-test': { type: 'boolean', default: false },
      verbose: { type: 'boolean', default: false },
      packets: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      lanes: { type: 'string' },
      demo: { type: 'string' },
      page: { type: 'boolean', default: false },
      meet: { type: 'boolean', default: false },
      status: { type: 'string' },
      screenshot: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const required = values.require.split(',').filter(word => word !== '');
  for (const family of required)
    if (!['js', 'chromium', 'go'].includes(family)) throw new Error(`--require ${family}: js, chromium or go`);
  // Building go-libp2p takes minutes: its cells are there for those who name it.
  const names_go = values.only.some(word => /(^|[-:,])go([-:,]|$)/.test(word));
  return {
    ...values,
    wants_go: values.all || required.includes('go') || names_go,
    minke: resolve(values.minke),
    require: required,
    lanes: Number(values.lanes ?? 1),
    self_test: values['self-test'],
  };
}
