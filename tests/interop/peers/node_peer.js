// The Node peer: takes a job as its argument, prints one JSON line per report.
import './polyfill.js';
import { run_job } from './job.js';
import { narrate } from './demo.js';

const job = JSON.parse(process.argv[2]);
const report = line => process.stdout.write(`${JSON.stringify(line)}\n`);

process.on('uncaughtException', error => report({ event: 'progress', text: `uncaught: ${error.stack}` }));
process.on('unhandledRejection', error => report({ event: 'progress', text: `unhandled: ${error?.stack ?? error}` }));

await (job.demo ? narrate(job, report) : run_job(job, report));
// libdatachannel's threads may keep the process for seconds after everything is closed.
process.stdout.write('', () => process.exit(0));
