// The page: what the parts beside this file report goes to the screen, what is typed and clicked goes to them.
import { join_chat } from './chat.js';
import { get, put } from './files.js';
import { dial, self } from './link.js';
import {
  $, clear_pings, note, on_files, on_typed, problem_text, reset_steps, say_status, show_line, show_peer, show_pings,
  show_problem, show_received, step_done, step_failed, transfer_row,
} from './screen.js';
import { STEPS } from './setup.js';
import { explain_stream } from './words.js';

let session = null; // { connection, chat } while connected
let dialing = null; // AbortController while dialling

/* ---- the connection ---- */

function enable(on) {
  for (const control of document.querySelectorAll('#say input, #say button, #put, #get')) control.disabled = !on;
  $('connect').textContent = on ? 'Disconnect' : 'Connect';
  $('connect').classList.toggle('on', on);
  $('address').readOnly = on;
}

async function connect() {
  const address = $('address').value.trim();
  show_problem(null);
  reset_steps(STEPS);
  $('facts').hidden = true;
  say_status('Connecting…');
  $('step-ice').className = 'now';
  $('connect').textContent = 'Cancel';
  dialing = new AbortController();
  const patience = setTimeout(() => {
    if ($('step-ice').className === 'now') say_status('Connecting… nobody has answered yet.');
  }, 3000);
  try {
    const made = await dial(address, step_done, dialing.signal);
    on_connected(address, made);
  } catch (problem) {
    enable(false);
    step_failed(problem == null ? 'idle' : 'failed');
    say_status('Not connected.', problem == null ? '' : 'bad');
    show_problem(problem);
    $('address').focus();
  } finally {
    clearTimeout(patience);
    dialing = null;
  }
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
  show_pings(connection, () => session === mine).catch(() => {})
    .then(() => connection.abort(new Error('the listener has gone')));
  run_chat(mine).catch(error => tell_unless_gone(mine, explain_stream(error, 'the chat')));
}

function on_gone(by_us = false) {
  session = null;
  enable(false);
  say_status(by_us ? 'Not connected.' : 'The listener has gone.', by_us ? '' : 'bad');
  clear_pings();
  if (!by_us) note('The connection has ended. Start the listener and connect again.');
}

/** When the connection ends, so do its streams: then only the former is worth a word. */
function tell_unless_gone(mine, problem) {
  setTimeout(() => { if (session === mine) note(problem_text(problem)); }, 300);
}

$('dial').addEventListener('submit', event => {
  event.preventDefault();
  if (dialing != null) return dialing.abort();
  if (session == null) return void connect();
  const { connection } = session;
  on_gone(true);
  connection.close().catch(error => connection.abort(error));
});

/* ---- chat ---- */

async function run_chat(mine) {
  $('lines').replaceChildren();
  mine.chat = await join_chat(mine.connection, show_line);
  $('line').focus();
  await mine.chat.ended;
}

on_typed(text => {
  if (session?.chat == null) return false;
  session.chat.say(text).catch(error => note(problem_text(explain_stream(error, 'the chat'))));
  return true;
});

/* ---- files ---- */

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
    show_received(row, await get(session.connection, (done, size, name) => {
      row.name.textContent = `↓ ${name}`;
      row.progress(done, size);
    }));
  } catch (error) {
    row.failed(explain_stream(error, 'the file transfer'));
  }
}

$('get').addEventListener('click', get_file);
on_files(put_files, () => session != null);

/* ---- the beginning ---- */

function address_of_url() {
  const address = new URLSearchParams(location.search).get('addr') ?? decodeURIComponent(location.hash.slice(1));
  if (address === '' || session != null) return;
  $('address').value = address;
  $('connect').focus();
}

window.addEventListener('hashchange', address_of_url);
reset_steps(STEPS);
address_of_url();
