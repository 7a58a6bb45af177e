// The page's side: the driver calls window.run_job(job), reports go to window.report (given by the driver).
import { run_job } from './job.js';
import { try_munging, use_v2 } from './v2.js';

window.try_munging = try_munging;
window.run_job = async job => {
  const restore = job.version === 2 ? use_v2() : () => {};
  try {
    await run_job(job, line => window.report(line));
  } finally {
    restore();
  }
};
