// The page: what the parts beside this file report goes to the screen, what is typed and clicked goes to them.
import { Meeting } from './meeting.js'; // first: see path.js
import encode_qr from 'qr';
import { selected_pair } from './path.js';
import { explain_stream, Problem } from '../../page/src/words.js';
import {
  $, clear_pings, note, on_files, on_typed, problem_text, reset_steps, say_size, say_status, show_line, show_peer,
  show_pings, show_problem, show_received, step_done, step_failed, transfer_row,
} from '../../page/src/screen.js';
import { link_to, problem_of_link, read_link } from './address.js';
import { explain_call, explain_direct } from './words.js';

const STEPS = [
  { id: 'relay', name: 'Relay', what: 'The relay answers' },
  { id: 'meet', name: 'Meet', what: 'Connected over it: what passes there is encrypted from end to end' },
  { id: 'direct', name: 'Direct', what: 'And without it: ICE, DTLS and SCTP from page to page' },
];
const FILE_MAX = 512 * 1024 ** 2; // it is kept in memory until it is saved

let wanted = { relay: '', peer: null }; // what the form says
let working = null; // AbortController while something is under way
let steps = new Set();
const agents = new Map(); // what peers say they are

const meeting = new Meeting({
  online: show_invitation,
  offline: () => {
    $('invitation').hidden = true;
    note('The relay has gone: nobody new can come. What is direct stays. This page goes on trying to reach it.');
    if (meeting.session == null) say_status('The relay has gone. Trying again…', 'bad');
  },
  met: on_met,
  way: show_way,
  line: show_line,
  file: (name, size) => {
    if (size > FILE_MAX) throw new Problem('a page keeps files in memory: at most 512 MiB');
    return transfer_row(`↓ ${name}`);
  },
  taken: show_received,
  broken: (row, error) => row.failed(explain_stream(error, 'the file transfer')),
  gone: on_gone,
  agent: (peer, name) => {
    agents.set(peer, name);
    if (peer === meeting.session?.peer) show_agent(name);
  },
});

/* ---- the form ---- */

function show_button() {
  const label = working != null ? 'Cancel' : meeting.session != null ? 'Hang up' : meeting.here != null ? 'Go offline' :
    wanted.peer != null ? 'Call' : 'Go online';
  $('connect').textContent = label;
  $('connect').classList.toggle('on', working == null && label !== 'Call' && label !== 'Go online');
  $('address').readOnly = working != null || meeting.session != null || meeting.here != null;
}

function enable(on) {
  for (const control of document.querySelectorAll('#say input, #say button, #put, #get')) control.disabled = !on;
  show_button();
}

function on_step(id, ms) {
  steps.add(id);
  step_done(id, ms);
}

function begin_steps() {
  steps = new Set();
  reset_steps(STEPS);
  $('step-relay').className = 'now';
}

/** Does something that can be cancelled; whether it came to its end. */
async function work(run) {
  const mine = working = new AbortController();
  show_button();
  try {
    await run(mine.signal);
    return true;
  } catch (error) {
    step_failed(mine.signal.aborted ? 'idle' : 'failed');
    say_status('Not connected.', mine.signal.aborted ? '' : 'bad');
    if (!mine.signal.aborted) show_problem(explain_call(error, steps));
    return false;
  } finally {
    working = null;
    show_button();
  }
}

async function go() {
  show_problem(null);
  begin_steps();
  const { relay, peer } = wanted;
  const wrong = problem_of_link(relay, peer);
  if (wrong != null) {
    step_failed('idle');
    return show_problem(wrong);
  }
  await meeting.start(peer);
  history.replaceState(null, '', link_to(relay, peer)); // the page can be loaded again
  if (peer == null) return go_online(relay);
  say_status('Calling…');
  if (await work(signal => meeting.call(relay, peer, on_step, signal))) await go_direct();
}

async function go_online(relay) {
  say_status('Going online…');
  const begun = performance.now();
  if (!await work(signal => meeting.online(relay, signal))) return;
  on_step('relay', performance.now() - begun);
  $('steps').querySelector('.now')?.classList.replace('now', 'idle');
}

async function go_direct() {
  const { session } = meeting;
  if (session == null) return;
  $('again').hidden = true;
  show_problem(null);
  $('step-direct').className = 'now';
  try {
    await meeting.go_direct(on_step);
  } catch (error) {
    if (meeting.session !== session) return;
    step_failed();
    $('again').hidden = false;
    show_problem(await explain_direct(error));
  }
}

function read_form(text) {
  wanted = read_link(text);
  show_button();
}

$('address').addEventListener('input', () => read_form($('address').value.trim()));
$('again').addEventListener('click', go_direct);
$('dial').addEventListener('submit', event => {
  event.preventDefault();
  if (working != null) return working.abort();
  if (meeting.session != null) {
    meeting.drop('hung up');
    return on_left();
  }
  if (meeting.here != null) {
    meeting.leave_relay();
    $('invitation').hidden = true;
    say_status('Not connected.');
    return show_button();
  }
  go();
});

/* ---- the invitation ---- */

function draw_qr(text) {
  const rows = encode_qr(text, 'raw', { border: 2 });
  const path = rows.map((row, y) => row.map((dark, x) => dark ? `M${x} ${y}h1v1h-1z` : '').join('')).join('');
  $('qr').setAttribute('viewBox', `0 0 ${rows.length} ${rows.length}`);
  $('qr').firstElementChild.setAttribute('d', path);
}

function show_invitation(relay) {
  const link = `${location.href.split('#')[0]}${link_to(relay, meeting.id)}`;
  $('link').value = link;
  $('invitation').hidden = false;
  const elsewhere = location.protocol !== 'file:'; // a file is on this machine alone
  if (elsewhere) draw_qr(link);
  $('qr').toggleAttribute('hidden', !elsewhere);
  if (meeting.session == null) say_status('Waiting for somebody to follow the link.', 'good');
  show_button();
}

$('link').addEventListener('focus', () => $('link').select());
$('copy').addEventListener('click', async () => {
  $('link').select();
  await navigator.clipboard?.writeText($('link').value).catch(() => {}); // in secure contexts; else it is selected
  $('copy').textContent = navigator.clipboard == null ? 'Press Ctrl+C' : 'Copied';
  setTimeout(() => { $('copy').textContent = 'Copy'; }, 2000);
});

/* ---- somebody ---- */

function on_met(session) {
  enable(true);
  $('lines').replaceChildren();
  show_peer($('remote'), session.peer);
  show_peer($('self'), meeting.id);
  show_agent(agents.get(session.peer) ?? '…');
  $('facts').hidden = $('path').hidden = false;
  if (session.called) {
    begin_steps();
    for (const id of ['relay', 'meet']) on_step(id);
    note(`${session.peer.slice(-6)} is here`);
  }
  $('line').focus();
}

function show_agent(name) {
  $('agent').textContent = name;
  $('get').hidden = !name.startsWith('minke-chat'); // pages take files and offer none
}

/** The best way has changed. */
function show_way(session) {
  const way = meeting.best(session);
  if (way == null || way === session.shown) return;
  session.shown = way;
  clear_pings();
  $('path').className = `path ${way.relayed ? 'relayed' : 'direct'}`;
  $('kind').textContent = way.relayed ? 'Relayed' : 'Direct';
  say_status(`Connected to ${session.peer.slice(-6)}.`, 'good');
  if (!way.relayed) {
    if (session.called) on_step('direct');
    show_problem(null);
    $('again').hidden = true;
  }
  show_pings(way.connection, () => session.shown === way && meeting.session === session).catch(() => {})
    .then(() => way.connection.abort(new Error('the other end has gone')));
  tell_path(session, way);
}

async function tell_path(session, way) {
  for (const begun = Date.now(); session.shown === way && meeting.session === session;) {
    $('path-facts').textContent = way.relayed ? words_of_limits(way.connection, begun) : await words_of_pair(way.pair);
    await new Promise(resolve => setTimeout(resolve, 1000));
  }
}

function words_of_limits({ limits }, begun) {
  if (limits == null) return 'The relay passes everything on, and sets no limit.';
  const bytes = limits.bytes == null ? '' : `${say_size(Number(limits.bytes))} more`;
  const seconds = limits.seconds == null ? '' : `for ${Math.max(0, limits.seconds - (Date.now() - begun) / 1000).toFixed(0)} s more`;
  return `The relay passes everything on, encrypted from end to end: ${[bytes, seconds].filter(each => each).join(', ')}.`;
}

async function words_of_pair(pair) {
  const found = pair == null ? null : await selected_pair(pair).catch(() => null);
  if (found == null) return 'The browser does not tell which way.';
  $('path').dataset.kinds = `${found.ours.kind} ${found.theirs.kind}`;
  const side = (whose, { what, kind, place }) => `${whose} ${what} (${kind}, ${place})`;
  return `${found.protocol}, from ${side('this page’s', found.ours)} to ${side('the other end’s', found.theirs)}.`;
}

/** They have gone. */
function on_gone(session, way) {
  on_left();
  const limited = way.relayed && way.connection.limits != null;
  say_status((limited ? 'The relayed connection has ended.' : 'The other end has gone.') +
    (meeting.here != null ? ' Waiting for somebody to follow the link.' : ''), 'bad');
  const next = session.called ? 'The link is good for another call.' : 'Call again when they are back.';
  note(limited ? `Its page was closed, or the relay has reached its limit. ${next}` : `The connection has ended. ${next}`);
}

/** And we from them. */
function on_left() {
  enable(false);
  clear_pings();
  show_problem(null);
  $('path').hidden = $('facts').hidden = $('again').hidden = true;
  step_failed('idle');
  if (meeting.here != null) say_status('Waiting for somebody to follow the link.', 'good');
  else say_status('Not connected.');
}

// A page that goes says so, else the other end would notice half a minute later.
window.addEventListener('pagehide', () => meeting.leave('the page was closed'));

/* ---- lines and files ---- */

on_typed(text => {
  if (meeting.session == null) return false;
  meeting.say(text).catch(error => note(problem_text(explain_stream(error, 'the chat'))));
  return true;
});

on_files(async files => {
  for (const file of files) {
    if (meeting.session == null) return;
    const row = transfer_row(`↑ ${file.name}`);
    try {
      row.done(file.size, await meeting.put(file, row.progress));
    } catch (error) {
      row.failed(explain_stream(error, 'the file transfer'));
    }
  }
}, () => meeting.session != null);

$('get').addEventListener('click', async () => {
  const row = transfer_row('↓ their file');
  try {
    show_received(row, await meeting.get((done, size, name) => {
      row.name.textContent = `↓ ${name}`;
      row.progress(done, size);
    }));
  } catch (error) {
    row.failed(explain_stream(error, 'the file transfer'));
  }
});

/* ---- the beginning ---- */

function begin() {
  if (location.hash.length < 2 || meeting.session != null || meeting.here != null) return;
  read_form(decodeURI(location.hash));
  $('address').value = wanted.relay ?? '';
  if (wanted.relay) go();
}

$('get').hidden = true;
$('lines').replaceChildren();
note('Once somebody is here, lines and files go between the two of you.');
window.addEventListener('hashchange', begin);
reset_steps(STEPS);
show_button();
begin();
