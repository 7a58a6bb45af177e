// Runs a job: dials the listener and lets cells loose on the connection. The same in Node and in a page.
//
// job: { address, cells: [name], params, strict, user_agent }
// report: called with { event: 'dialled' | 'cell' | 'progress' | 'closed' | 'done', ... }
import { multiaddr } from '@multiformats/multiaddr';
import { cells, echo } from './cells.js';
import { relayed_cells } from './relayed.js';
import { describe, Pipe } from './pipe.js';
import { make_bytes, now, sleep } from './bytes.js';
import { make_node } from './node_of.js';

const IDENTIFY = '/ipfs/id/1.0.0';

/** A node with its connection, as the cells see it. */
class Link {
  constructor(job, report) {
    this.address = job.address;
    this.strict = job.strict ?? false;
    this.params = job.params ?? {};
    this.user_agent = job.user_agent;
    this.report = report;
    this.asked = new Set();
    this.said = 0;
  }

  async dial() {
    this.node = await make_node({ user_agent: this.user_agent });
    this.identities = [];
    this.node.addEventListener('peer:identify', event => this.identities.push(event.detail));
    await this.node.start();
    await this.count_identifies();
    const begun = now();
    this.connection = await this.node.dial(multiaddr(this.address));
    this.setup_ms = now() - begun;
    this.report({ event: 'dialled', peer: this.node.peerId.toString(), setup_ms: this.setup_ms });
  }

  /** In front of js's own handler. Middleware (`use`) is no place for it: js adds the handler to its list, which then runs on our
   * own streams of the protocol as well. */
  async count_identifies() {
    await this.node.unhandle(IDENTIFY);
    await this.node.handle(IDENTIFY, (stream, connection) => {
      this.watch_identify(stream, connection);
      return this.node.services.identify.handleProtocol(stream, connection);
    }, { runOnLimitedConnection: true });
  }

  /** Notes on which connection the remote asked, once our answer and its end are through: others are the relay's. */
  watch_identify(stream, connection) {
    stream.addEventListener('close', event => { if (event.error == null) this.asked.add(connection.id); }, { once: true });
  }

  async identify_asked(within) {
    const is_asked = () => this.asked.has(this.connection.id);
    for (const begun = now(); !is_asked() && now() - begun < within;) await sleep(20);
    return is_asked();
  }

  /** What identify said on this connection: others are the relay's, and a push need not have everything. */
  async identified(within) {
    const is_it = each => each.connection.id === this.connection.id && each.publicKey != null;
    for (const begun = now(); now() - begun < within; await sleep(20)) {
      const found = this.identities.find(is_it);
      if (found != null) return found;
    }
    throw new Error('identify did not complete');
  }

  async open(protocol, options) {
    const limits = { maxOutboundStreams: 4096, runOnLimitedConnection: true };
    return new Pipe(await this.connection.newStream(protocol, limits), options);
  }

  /** Where a cell is, told when it fails. */
  step(text) {
    this.at = text;
  }

  /** Waits for the end of the connection; how long it took. */
  async gone(within) {
    const begun = now();
    while (this.connection.status === 'open') {
      if (now() - begun > within) throw new Error(`the connection is still there after ${within} ms`);
      await sleep(20);
    }
    return now() - begun;
  }

  async check_alive() {
    if (this.connection.status !== 'open') throw new Error(`the connection is ${this.connection.status} afterwards`);
    try {
      await echo(this, make_bytes(500, 4));
    } catch (error) {
      throw new Error(`the connection does not echo afterwards: ${describe(error)}`);
    }
  }

  /** At most one line a second. */
  progress(text) {
    if (now() - this.said < 1000) return;
    this.said = now();
    this.report({ event: 'progress', text });
  }

  async stop() {
    await this.node?.stop();
  }
}

async function run_cell(cell, link, report) {
  const begun = now();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${cell.budget} s`)), cell.budget * 1000);
  });
  report({ event: 'progress', cell: cell.name, text: 'begins' });
  link.at = null;
  try {
    const facts = await Promise.race([cell.run(link), late]);
    report({ event: 'cell', cell: cell.name, ok: true, ms: now() - begun, facts });
  } catch (error) {
    const state = (link.at == null ? '' : ` [at: ${link.at}]`) +
      (link.connection.status === 'open' ? '' : ` [connection ${link.connection.status}]`);
    report({ event: 'cell', cell: cell.name, ok: false, ms: now() - begun, facts: describe(error) + state });
  } finally {
    clearTimeout(timer);
  }
}

export async function dial_for(job, name, report) {
  const link = new Link(job, line => report({ cell: name, ...line }));
  try {
    await link.dial();
    return link;
  } catch (error) {
    report({ event: 'cell', cell: name, ok: false, ms: 0, facts: `dial failed: ${describe(error)}` });
    await link.stop().catch(() => {});
    return null;
  }
}

async function run_alone(job, cell, report) {
  const link = await dial_for(job, cell.name, report);
  if (link == null) return;
  await run_cell(cell, link, report);
  await link.stop();
}

/** The cells on one connection. Should one of them cost the connection, the next get a new one. */
async function run_together(job, shared, report) {
  if (shared.length === 0) return;
  const begun = now();
  let link = await dial_for(job, 'dial', report);
  if (link == null) {
    for (const cell of shared) report({ event: 'cell', cell: cell.name, ok: false, ms: 0, facts: 'no connection' });
    return;
  }
  const facts = `set up in ${Math.round(link.setup_ms)} ms`;
  report({ event: 'cell', cell: 'dial', ok: true, ms: now() - begun, facts });
  for (const cell of shared) {
    if (link == null || link.connection.status !== 'open') {
      await link?.stop();
      link = await dial_for(job, cell.name, report);
    }
    if (link != null) await run_cell(cell, link, report);
  }
  await link?.stop();
  if (link != null) report({ event: 'closed', peer: link.node.peerId.toString() });
}

export async function run_job(job, report) {
  const wanted = [...cells, ...relayed_cells].filter(cell => job.cells.includes(cell.name));
  await Promise.all([
    run_together(job, wanted.filter(cell => !cell.own), report),
    ...wanted.filter(cell => cell.own).map(cell => run_alone(job, cell, report)),
  ]);
  report({ event: 'done' });
}
