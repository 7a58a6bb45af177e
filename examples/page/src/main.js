// The page: what the parts beside this file report goes to the screen, what is typed and clicked goes to them.
import { join_chat } from './chat.js';
import { get, put } from './files.js';
import { dial, self } from './link.js';
import { ping_forever } from './ping.js';
import { STEPS } from './setup.js';
import { explain_stream } from './words.js';

const $ = id => document.getElementById(id);
const LINES_MAX = 500;
const ROWS_MAX = 20;
const SPARK_N = 40;

let session = null; // { connection, chat, gone } while connected
let dialing = null; // AbortController while dialling

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/* ---- the connection ---- */

function show_problem(problem) {
  $('problem').hidden = problem == null;
  if (problem == null) return;
  $('problem').children[0].textContent = problem.message;
  $('problem').children[1].textContent = problem.next ?? '';
}

function say_status(text, kind = '') {
  $('status').textContent = text;
  $('status').className = `status ${kind}`;
}

function reset_steps() {
  $('steps').replaceChildren(...STEPS.map(({ id, name, what }) =>
    element('li', { id: `step-${id}`, title: what },
      element('b', { textContent: name }), element('span', {}, what.split(':')[0]))));
}

function on_step(id, ms) {
  const at = STEPS.findIndex(step => step.id === id);
  const item = $(`step-${id}`);
  item.className = 'done';
  item.lastChild.append(' ', element('span', { textContent: `${ms.toFixed(0)} ms` }));
  if (at + 1 < STEPS.length) $(`step-${STEPS[at + 1].id}`).className = 'now';
}

function enable(on) {
  for (const control of document.querySelectorAll('#say input, #say button, #put, #get')) control.disabled = !on;
  $('connect').textContent = on ? 'Disconnect' : 'Connect';
  $('connect').classList.toggle('on', on);
  $('address').readOnly = on;
}

async function connect() {
  const address = $('address').value.trim();
  show_problem(null);
  reset_steps();
  $('facts').hidden = true;
  say_status('Connecting…');
  $('step-ice').className = 'now';
  $('connect').textContent = 'Cancel';
  dialing = new AbortController();
  const patience = setTimeout(() => {
    if ($('step-ice').className === 'now') say_status('Connecting… nobody has answered yet.');
  }, 3000);
  try {
    const made = await dial(address, on_step, dialing.signal);
    on_connected(address, made);
  } catch (problem) {
    enable(false);
    document.querySelector('.steps .now')?.classList.replace('now', problem == null ? 'idle' : 'failed');
    say_status('Not connected.', problem == null ? '' : 'bad');
    show_problem(problem);
    $('address').focus();
  } finally {
    clearTimeout(patience);
    dialing = null;
  }
}

/** Its last six characters are its name in the chat. */
function show_peer(where, id) {
  where.replaceChildren(id.slice(0, -6), element('b', { textContent: id.slice(-6) }));
}

function on_connected(address, { connection, ms, version, agent }) {
  const mine = session = { connection };
  history.replaceState(null, '', `#${address}`); // the page can be reloaded or shared
  enable(true);
  say_status(`Connected in ${ms.toFixed(0)} ms${version === 2 ? ', by webrtc-direct version 2' : ''}.`, 'good');
  $('facts').hidden = false;
  show_peer($('remote'), connection.remotePeer.toString());
  self().then(id => show_peer($('self'), id));
  $('agent').textContent = '…';
  agent.then(name => { if (session === mine) $('agent').textContent = name; });
  connection.addEventListener('close', () => { if (session === mine) on_gone(); });
  // The browser takes some seconds to see that nobody is there any more; the end of a stream tells at once.
  run_ping(mine).catch(() => {}).then(() => connection.abort(new Error('the listener has gone')));
  run_chat(mine).catch(error => tell_unless_gone(mine, explain_stream(error, 'the chat')));
}

function on_gone(by_us = false) {
  session = null;
  enable(false);
  say_status(by_us ? 'Not connected.' : 'The listener has gone.', by_us ? '' : 'bad');
  $('rtt').textContent = '–';
  $('rtt-facts').textContent = 'A ping every second, once connected.';
  for (const path of $('spark').children) path.removeAttribute('d');
  if (!by_us) note('The connection has ended. Start the listener and connect again.');
}

/** When the connection ends, so do its streams: then only the former is worth a word. */
function tell_unless_gone(mine, problem) {
  setTimeout(() => { if (session === mine) note(problem_text(problem)); }, 300);
}

const problem_text = problem => `${problem.message} ${problem.next ?? ''}`;

$('dial').addEventListener('submit', event => {
  event.preventDefault();
  if (dialing != null) return dialing.abort();
  if (session == null) return void connect();
  const { connection } = session;
  on_gone(true);
  connection.close().catch(error => connection.abort(error));
});

/* ---- round trip ---- */

function draw_spark(samples) {
  const top = Math.max(...samples) * 1.1 || 1;
  const step = 240 / (Math.max(samples.length, 10) - 1);
  const points = samples.map((ms, i) => `${(step * i).toFixed(1)},${(54 - 50 * ms / top).toFixed(1)}`);
  $('spark').querySelector('.line').setAttribute('d', `M${points.join('L')}`);
  const end = (step * (samples.length - 1)).toFixed(1);
  $('spark').querySelector('.area').setAttribute('d', `M0,56L${points.join('L')}L${end},56Z`);
}

function say_ms(ms) {
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0);
}

async function run_ping(mine) {
  const samples = [];
  await ping_forever(mine.connection, ms => {
    if (session !== mine) return;
    samples.push(ms);
    if (samples.length > SPARK_N) samples.shift();
    const sorted = [...samples].sort((a, b) => a - b);
    $('rtt').textContent = say_ms(ms);
    const [min, median, max] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map(say_ms);
    $('rtt-facts').textContent = `min ${min} · median ${median} · max ${max} ms`;
    draw_spark(samples);
  }, waiting => {
    if (session === mine) $('rtt-facts').textContent = `No answer for ${(waiting / 1000).toFixed(0)} s.`;
  });
}

/* ---- chat ---- */

function add_line(line) {
  const lines = $('lines');
  const at_end = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
  lines.append(line);
  while (lines.childElementCount > LINES_MAX) lines.firstElementChild.remove();
  if (at_end) lines.scrollTop = lines.scrollHeight;
}

const note = text => add_line(element('p', { className: 'note', textContent: text }));

async function run_chat(mine) {
  $('lines').replaceChildren();
  mine.chat = await join_chat(mine.connection, (who, text) => {
    if (who == null) note(text);
    else add_line(element('p', {}, element('b', { textContent: who }), text));
  });
  $('line').focus();
  await mine.chat.ended;
}

$('say').addEventListener('submit', event => {
  event.preventDefault();
  const text = $('line').value.trim();
  if (text === '' || session?.chat == null) return;
  session.chat.say(text).catch(error => note(problem_text(explain_stream(error, 'the chat'))));
  add_line(element('p', { className: 'mine', textContent: text }));
  $('line').value = '';
});

/* ---- files ---- */

function say_size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB'];
  let unit = -1;
  for (; bytes >= 1000 && unit < 2; unit++) bytes /= 1000;
  return `${bytes < 10 ? bytes.toFixed(1) : bytes.toFixed(0)} ${units[unit]}`;
}

/** One row of the list: progress while it runs, then both hashes or what went wrong. */
function transfer_row(title) {
  const name = element('span', { textContent: title });
  const speed = element('span', { className: 'speed' });
  const bar = element('progress', { max: 1, value: 0 });
  bar.setAttribute('aria-label', title);
  const rest = element('div');
  const row = element('li', {}, element('div', { className: 'name' }, name, speed), bar, rest);
  $('transfers').prepend(row);
  while ($('transfers').childElementCount > ROWS_MAX) {
    const oldest = $('transfers').lastElementChild;
    for (const link of oldest.querySelectorAll('a')) URL.revokeObjectURL(link.href); // frees the file
    oldest.remove();
  }
  const begun = performance.now();
  let drawn = 0;
  return {
    name,
    progress(done, size) {
      if (performance.now() - drawn < 100 && done < size) return;
      drawn = performance.now();
      bar.value = size === 0 ? 1 : done / size;
      speed.textContent = `${say_size(done)} of ${say_size(size)}, ${say_size(done / (drawn - begun) * 1000)}/s`;
    },
    done(size, { ours, theirs, seconds }) {
      const same = ours === theirs;
      bar.value = 1;
      speed.textContent = `${say_size(size)} in ${seconds.toFixed(1)} s, ${say_size(size / seconds)}/s`;
      const hash = (label, kind, text) => [element('span', { textContent: label }),
        element('span', { className: `mono ${kind}`, textContent: text, title: text })];
      rest.replaceChildren(
        element('div', { className: 'hashes' }, ...hash('this page', 'ours', ours), ...hash('listener', 'theirs', theirs)),
        element('span', {
          className: `verdict ${same ? 'good' : 'bad'}`,
          textContent: same ? '✓ SHA-256 equal at both ends' : '✗ the hashes differ: send it again',
        }));
      row.dataset.state = same ? 'done' : 'differs';
    },
    failed(problem) {
      bar.remove();
      const what = element('span', { className: 'verdict bad', textContent: problem.message });
      rest.replaceChildren(what, ` ${problem.next ?? ''}`);
      row.dataset.state = 'failed';
    },
  };
}

async function put_files(files) {
  for (const file of files) {
    if (session == null) return;
    const row = transfer_row(`↑ ${file.name}`);
    try {
      row.done(file.size, await put(session.connection, file, row.progress));
    } catch (error) {
      row.failed(explain_stream(error, 'the file transfer'));
    }
  }
}

async function get_file() {
  const row = transfer_row('↓ the listener’s file');
  try {
    const got = await get(session.connection, (done, size, name) => {
      row.name.textContent = `↓ ${name}`;
      row.progress(done, size);
    });
    const href = URL.createObjectURL(got.blob);
    const link = element('a', { href, download: got.name, textContent: got.name, title: 'Save it' });
    row.name.replaceChildren('↓ ', link);
    row.done(got.blob.size, got);
  } catch (error) {
    row.failed(explain_stream(error, 'the file transfer'));
  }
}

$('put').addEventListener('click', () => $('file').click());
$('get').addEventListener('click', get_file);
$('file').addEventListener('change', async () => {
  await put_files([...$('file').files]);
  $('file').value = '';
});
for (const type of ['dragover', 'dragleave', 'drop']) $('drop').addEventListener(type, event => {
  event.preventDefault();
  $('drop').classList.toggle('over', type === 'dragover' && session != null);
  if (type === 'drop') put_files([...event.dataTransfer.files]);
});

/* ---- the beginning ---- */

function address_of_url() {
  const address = new URLSearchParams(location.search).get('addr') ?? decodeURIComponent(location.hash.slice(1));
  if (address === '' || session != null) return;
  $('address').value = address;
  $('connect').focus();
}

window.addEventListener('hashchange', address_of_url);
reset_steps();
address_of_url();
