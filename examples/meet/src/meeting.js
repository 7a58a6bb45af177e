// Who meets whom. A page is reached over a relay, or calls over one; the two then talk on the best way that they have: first
// relayed, then direct.
//
//   called    online(relay) reserves a place and waits; a guest's chat stream begins the session
//   caller    call(relay, peer): relay, circuit, session; then the direct connection, beside which the circuit is closed
//
// There is one session at a time. Its ways are connections, each with a chat stream of its own; lines go to the best one and
// come from all, so that nothing is lost when a better one is there.
import { claim_connected } from './path.js'; // first: see there
import { multiaddr } from '@multiformats/multiaddr';
import { CHAT_PROTOCOL, host_chat, join_chat } from '../../page/src/chat.js';
import { FILE_PROTOCOL, get, put, take } from '../../page/src/files.js';
import { answer_pings, ping_forever, PING_PROTOCOL } from '../../page/src/ping.js';
import { Problem } from '../../page/src/words.js';
import { stun_servers } from './address.js';
import { make_node } from './node.js';

const RELAY_PINGED_EVERY = 3000, RELAY_SILENT = 8000, RELAY_CHECKED = 3000;
const RETRY_FIRST = 1000, RETRY_MAX = 30_000;
const CIRCUIT_KEPT = 3000; // for what is under way on it when the direct connection is there
const DIRECT_PATIENCE = 8000;
const TAKEN_AT_ONCE = 4;

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const is_relayed = connection => {
  const address = connection.remoteAddr.toString();
  return address.includes('/p2p-circuit') && !/\/webrtc(\/|$)/.test(address);
};
const ended = connection => new Promise(resolve => {
  if (connection.status !== 'open') resolve();
  else connection.addEventListener('close', resolve, { once: true });
});

export class Meeting {
  node = null;
  session = null; // { peer, called, ways: [{ connection, relayed, chat, pair }], name }
  here = null;    // { relay, stopped } while we are, or want to be, reachable
  taking = 0;

  /** `on` has functions: online(), offline(), met(session), way(session), line(who, text), file(name, size), taken(row, file),
   * broken(row, error), gone(session), agent(peer, name). */
  constructor(on) {
    this.on = on;
    this.listed = new Map(); // addresses of peers, as they say
  }

  async start(except_peer) {
    this.node ??= this.make(except_peer);
    return this.node;
  }

  async make(except_peer) {
    const node = await make_node(() => stun_servers(this.relay, this.listed.get(this.relay?.split('/p2p/').at(-1)) ?? []),
      except_peer);
    this.id = node.peerId.toString();
    const relayed_too = { runOnLimitedConnection: true, maxInboundStreams: 64 };
    await node.handle(CHAT_PROTOCOL, (stream, connection) => this.on_guest(stream, connection), relayed_too);
    await node.handle(PING_PROTOCOL, stream => answer_pings(stream).catch(error => stream.abort(error)), relayed_too);
    await node.handle(FILE_PROTOCOL, (stream, connection) => this.on_file(stream, connection));
    node.addEventListener('peer:identify', ({ detail }) => {
      const peer = detail.peerId.toString();
      if (detail.listenAddrs?.length > 0) this.listed.set(peer, detail.listenAddrs.map(String));
      if (detail.agentVersion != null) this.on.agent(peer, detail.agentVersion);
    });
    return node;
  }

  /* ---- the relay ---- */

  async reach_relay(relay, signal) {
    this.relay = relay;
    const node = await this.start();
    await this.check_relay();
    const connection = await node.dial(multiaddr(relay), { signal });
    this.to_relay = connection;
    this.watch_relay(connection);
    return connection;
  }

  /** A relay that was killed and is there again has forgotten us, yet answers the browser's STUN checks, for which it needs no
   * memory: to the browser the connection lives. Only that nobody answers on it shows that it does not. */
  async check_relay() {
    const connection = this.to_relay;
    if (connection?.status !== 'open') return;
    try {
      const stream = await connection.newStream(PING_PROTOCOL, { signal: AbortSignal.timeout(RELAY_CHECKED) });
      stream.abort(new Error('it answers'));
    } catch (error) {
      connection.abort(error);
    }
  }

  watch_relay(connection) {
    if (connection.watched) return;
    connection.watched = true;
    const give_up = () => connection.abort(new Error('the relay has gone'));
    ping_forever(connection, () => {}, waited => { if (waited > RELAY_SILENT) give_up(); }, RELAY_PINGED_EVERY)
      .catch(() => {}).then(give_up);
  }

  /** Reserves a place, and does it anew whenever the relay was away. Throws when it does not work at first. */
  async online(relay, signal) {
    const here = this.here = { relay, stopped: false };
    try {
      await this.reserve(here, signal);
    } catch (error) {
      if (this.here === here) this.here = null;
      throw error;
    }
    this.stay_online(here);
  }

  async reserve(here, signal) {
    here.connection = await this.reach_relay(here.relay, signal);
    await this.node.then(node => node.services.listen([multiaddr(`${here.relay}/p2p-circuit`)]));
    if (!here.stopped) this.on.online(here.relay);
  }

  async stay_online(here) {
    for (let wait = RETRY_FIRST; !here.stopped; wait = Math.min(2 * wait, RETRY_MAX)) {
      if (here.connection != null) {
        await ended(here.connection);
        if (here.stopped) return;
        this.on.offline();
        here.connection = null;
        wait = RETRY_FIRST;
      }
      await sleep(wait);
      if (!here.stopped) await this.reserve(here).catch(() => { here.connection = null; });
    }
  }

  async leave_relay() {
    const { here } = this;
    this.here = null;
    if (here == null) return;
    here.stopped = true;
    await here.connection?.close().catch(error => here.connection.abort(error));
  }

  /* ---- meeting ---- */

  /** Calls. on_step(id, ms). Ends when there is a relayed connection with a chat on it; go_direct() is the next step. */
  async call(relay, peer, on_step, signal) {
    const begun = performance.now();
    const step = id => on_step(id, performance.now() - begun);
    await this.reach_relay(relay, signal);
    step('relay');
    const node = await this.node;
    // js-libp2p sends its signals over the first connection that it has to a peer, even if that one is about to close.
    for (const old of node.getConnections())
      if (old.remotePeer.toString() === peer) old.abort(new Error('called again'));
    const connection = await node.dial(multiaddr(`${relay}/p2p-circuit/p2p/${peer}`), { signal });
    this.begin(peer, false, { relay, begun });
    try {
      await this.add_way(connection, join_chat(connection, this.on.line));
      step('meet');
    } catch (error) {
      connection.abort(error);
      throw error;
    }
  }

  /** A call to another js-libp2p sometimes waits for nothing (see let_them_close in path.js): what has not come about quickly
   * is tried once more. */
  async go_direct(on_step) {
    const { session } = this;
    const { peer, relay, begun } = session;
    const address = multiaddr(`${relay}/p2p-circuit/webrtc/p2p/${peer}`);
    const dial = async () => (await this.node).dial(address, { signal: AbortSignal.timeout(DIRECT_PATIENCE), force: true });
    const connection = await dial().catch(error => {
      if (session !== this.session || error.name === 'UnsupportedProtocolError') throw error;
      return dial();
    });
    if (session !== this.session) return connection.close();
    await this.add_way(connection, join_chat(connection, this.on.line));
    on_step('direct', performance.now() - begun);
    setTimeout(() => {
      for (const way of session.ways) if (way.relayed) this.close_way(way);
    }, CIRCUIT_KEPT);
  }

  begin(peer, called, more = {}) {
    this.drop('somebody new');
    this.session = { peer, called, ways: [], ...more };
  }

  /** A chat stream is what makes a stranger a guest. */
  async on_guest(stream, connection) {
    const peer = connection.remotePeer.toString();
    const relayed = is_relayed(connection);
    const chat = host_chat(stream, this.id.slice(-6), line => this.on.line(peer.slice(-6), line));
    if (this.session != null && this.session.peer !== peer) {
      chat.ended.catch(() => {});
      await chat.tell('This page talks to somebody else just now. Try again later.');
      return chat.leave();
    }
    // Over the relay although there was more: its page was loaded again, and what it had is dead or soon will be.
    if (this.session == null || relayed) this.begin(peer, true);
    await this.add_way(connection, chat);
  }

  async add_way(connection, chat) {
    const { session } = this;
    const way = { connection, relayed: is_relayed(connection), chat: await chat };
    way.pair = way.relayed ? null : claim_connected();
    session.ways.push(way);
    connection.addEventListener('close', () => this.on_way_ended(session, way), { once: true });
    way.chat.ended.catch(() => {}).then(() => { way.over = true; }); // it may still have files on it
    if (session !== this.session) return this.close_way(way);
    if (connection.status !== 'open') return this.on_way_ended(session, way);
    if (session.ways.length === 1) this.on.met(session);
    this.on.way(session);
  }

  /** The newest direct way, or else the newest. */
  best(session = this.session) {
    const open = session?.ways.filter(way => way.connection.status === 'open') ?? [];
    return open.findLast(way => !way.relayed) ?? open.at(-1) ?? null;
  }

  on_way_ended(session, way) {
    const was_best = session.ways.length === 1 || this.best(session) == null;
    session.ways = session.ways.filter(each => each !== way);
    if (session !== this.session) return;
    if (!was_best && session.ways.length > 0) return this.on.way(session);
    this.session = null;
    this.on.gone(session, way);
  }

  close_way({ connection, chat }) {
    chat.leave().catch(() => {}).then(() => connection.close()).catch(error => connection.abort(error));
  }

  /** Ends the session without a word to the page. */
  drop(why) {
    const { session } = this;
    this.session = null;
    for (const { connection } of session?.ways ?? []) connection.abort(new Error(why));
  }

  /** All at once, without waiting for anybody. */
  leave(why) {
    this.drop(why);
    if (this.here != null) this.here.stopped = true;
    this.to_relay?.abort(new Error(why));
  }

  /* ---- what is said ---- */

  async say(text) {
    const way = this.best();
    if (way == null) throw new Problem('There is nobody.');
    await way.chat.say(text);
  }

  /** The connection for a file. */
  direct() {
    const way = this.best();
    if (way == null) throw new Problem('There is nobody.', 'Connect again.');
    if (way.relayed) throw new Problem('A file needs the direct path.',
      'What goes over the relay is limited: lines only. Try again when the path is direct.');
    return way.connection;
  }

  put = async (file, on_progress) => put(this.direct(), file, on_progress);
  get = async on_progress => get(this.direct(), on_progress);

  async on_file(stream, connection) {
    let row = null;
    this.taking++;
    try {
      const file = await take(stream, (name, size) => {
        if (connection.remotePeer.toString() !== this.session?.peer) throw new Problem('we are not in a conversation');
        if (this.taking > TAKEN_AT_ONCE) throw new Problem('too many files at once');
        row = this.on.file(name, size);
        return row.progress;
      });
      this.on.taken(row, file);
    } catch (error) {
      if (row != null) this.on.broken(row, error);
    } finally {
      this.taking--;
    }
  }
}
