// What pages show in the same way: the cards of cards.html.
import { ping_forever } from './ping.js';

const LINES_MAX = 500;
const ROWS_MAX = 20;
const SPARK_N = 40;

export const $ = id => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** The last six characters of a peer id are its name in the chat. */
export function show_peer(where, id) {
  where.replaceChildren(id.slice(0, -6), element('b', { textContent: id.slice(-6) }));
}

export function show_problem(problem) {
  $('problem').hidden = problem == null;
  if (problem == null) return;
  $('problem').children[0].textContent = problem.message;
  $('problem').children[1].textContent = problem.next ?? '';
}

export function say_status(text, kind = '') {
  $('status').textContent = text;
  $('status').className = `status ${kind}`;
}

export const problem_text = problem => `${problem.message} ${problem.next ?? ''}`;

/* ---- steps ---- */

export function reset_steps(steps) {
  $('steps').replaceChildren(...steps.map(({ id, name, what }) =>
    element('li', { id: `step-${id}`, title: what },
      element('b', { textContent: name }), element('span', {}, what.split(':')[0]))));
}

/** The step is done; with `ms`, after so long. The next one is under way. */
export function step_done(id, ms) {
  const item = $(`step-${id}`);
  item.className = 'done';
  if (ms != null) item.lastChild.append(' ', element('span', { textContent: `${ms.toFixed(0)} ms` }));
  if (item.nextElementSibling != null) item.nextElementSibling.className = 'now';
}

export function step_failed(kind = 'failed') {
  document.querySelector('.steps .now')?.classList.replace('now', kind);
}

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

/** Pings and draws until the connection ends. `is_mine()`: whether this is still the one to show. */
export async function show_pings(connection, is_mine) {
  const samples = [];
  await ping_forever(connection, ms => {
    if (!is_mine()) return;
    samples.push(ms);
    if (samples.length > SPARK_N) samples.shift();
    const sorted = [...samples].sort((a, b) => a - b);
    $('rtt').textContent = say_ms(ms);
    const [min, median, max] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)].map(say_ms);
    $('rtt-facts').textContent = `min ${min} · median ${median} · max ${max} ms`;
    draw_spark(samples);
  }, waiting => {
    if (is_mine()) $('rtt-facts').textContent = `No answer for ${(waiting / 1000).toFixed(0)} s.`;
  });
}

export function clear_pings() {
  $('rtt').textContent = '–';
  $('rtt-facts').textContent = 'A ping every second, once connected.';
  for (const path of $('spark').children) path.removeAttribute('d');
}

/* ---- chat ---- */

function add_line(line) {
  const lines = $('lines');
  const at_end = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
  lines.append(line);
  while (lines.childElementCount > LINES_MAX) lines.firstElementChild.remove();
  if (at_end) lines.scrollTop = lines.scrollHeight;
}

export const note = text => add_line(element('p', { className: 'note', textContent: text }));

/** A line of somebody's; of nobody's when it tells what happens. */
export function show_line(who, text) {
  if (who == null) note(text);
  else add_line(element('p', {}, element('b', { textContent: who }), text));
}

/** What is typed goes to say(text), and is shown when that says true. */
export function on_typed(say) {
  $('say').addEventListener('submit', event => {
    event.preventDefault();
    const text = $('line').value.trim();
    if (text === '' || !say(text)) return;
    add_line(element('p', { className: 'mine', textContent: text }));
    $('line').value = '';
  });
}

/* ---- files ---- */

export function say_size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB'];
  let unit = -1;
  for (; bytes >= 1000 && unit < 2; unit++) bytes /= 1000;
  return `${bytes < 10 ? bytes.toFixed(1) : bytes.toFixed(0)} ${units[unit]}`;
}

/** One row of the list: progress while it runs, then both hashes or what went wrong. */
export function transfer_row(title) {
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
    /** Without `theirs` it is they who compare. */
    done(size, { ours, theirs, seconds }) {
      const same = theirs == null || ours === theirs;
      bar.value = 1;
      speed.textContent = `${say_size(size)} in ${seconds.toFixed(1)} s, ${say_size(size / seconds)}/s`;
      const hash = (label, kind, text) => [element('span', { textContent: label }),
        element('span', { className: `mono ${kind}`, textContent: text, title: text })];
      const hashes = element('div', { className: 'hashes' }, ...hash('this page', 'ours', ours));
      if (theirs != null) hashes.append(...hash('other end', 'theirs', theirs));
      const good = theirs == null ? '✓ all of it is here' : '✓ SHA-256 equal at both ends';
      rest.replaceChildren(hashes, element('span', {
        className: `verdict ${same ? 'good' : 'bad'}`,
        textContent: same ? good : '✗ the hashes differ: send it again',
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

/** What came, to be saved by a click. */
export function show_received(row, { name, blob, ...hashes }) {
  const link = element('a', { href: URL.createObjectURL(blob), download: name, textContent: name, title: 'Save it' });
  row.name.replaceChildren('↓ ', link);
  row.done(blob.size, hashes);
}

/** Files that are chosen or dropped go to put(files). `is_on()`: whether there is somebody to take them. */
export function on_files(put, is_on) {
  $('put').addEventListener('click', () => $('file').click());
  $('file').addEventListener('change', async () => {
    await put([...$('file').files]);
    $('file').value = '';
  });
  for (const type of ['dragover', 'dragleave', 'drop']) $('drop').addEventListener(type, event => {
    event.preventDefault();
    $('drop').classList.toggle('over', type === 'dragover' && is_on());
    if (type === 'drop') put([...event.dataTransfer.files]);
  });
}
