// The page's side: the driver calls window.run_job(job) or window.listen(...), reports go to window.report (given by the
// driver).
import { keep_init_channels } from './init_channel.js'; // first: see there
import { run_job } from './job.js';
import { make_node } from './node_of.js';
import { describe } from './pipe.js';
import { serve } from './serve.js';
import { try_munging, use_v2 } from './v2.js';

const report = line => window.report(line);

window.try_munging = try_munging;
window.run_job = async job => {
  const restore = job.version === 2 ? use_v2() : () => {};
  try {
    await run_job(job, report);
  } finally {
    restore();
  }
};

/** A page can only listen through a relay. */
window.listen = async ({ relay, direct, for_pages, user_agent }) => {
  if (for_pages) keep_init_channels();
  const listen = [`${relay}/p2p-circuit`, ...(direct ? ['/webrtc'] : [])];
  try {
    await serve(await make_node({ user_agent, listen }), report, { test_protocols: direct });
  } catch (error) {
    report({ event: 'result', ok: false, error: describe(error) });
  }
};
