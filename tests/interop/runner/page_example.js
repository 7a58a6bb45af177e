// The browser example as people use it: examples/chat listens, two pages in Chromium connect to it, talk and exchange
// files. With a directory for screenshots it takes those of docs/images/ instead.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { launch } from './chromium.js';
import { check, choose_file, hashes, MiB, open, Program, run_cells, say, shows, sleep, with_browser } from './example_pages.js';
import { root } from './options.js';

const PAGE = `${root}examples/page/dist/index.html`;
const CHAT_PROTOCOL = '/minke-example/chat/1.0.0';
const FILE_PROTOCOL = '/minke-example/file/1.0.0';
const BOUND = 60_000;
const V2_ONLY = '--force-fieldtrials=WebRTC-NoSdpMangleUfrag/Enabled/';

const sha256 = bytes => createHash('sha256').update(bytes).digest('hex');

/** Resident memory in kB. */
function resident({ child }) {
  return Number(/VmRSS:\s*(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]);
}

async function start_chat(t, ...args) {
  const chat = new Program(t.chat_program,
    ['--listen', '/ip4/127.0.0.1/udp/0/webrtc-direct', '--page', `file://${PAGE}`, ...args]);
  chat.link = (await chat.says(/^open /)).split(/\s+/)[1];
  chat.address = chat.link.slice(chat.link.indexOf('#') + 1);
  return chat;
}

async function connect(page) {
  await page.click('#connect');
  await page.waitForSelector('.status.good');
}

/* ---- what is tried; each is told what the ones before have made ---- */

const cells = {
  async 'connects, from file://'(t) {
    t.lonely = await open(t.browser, t.chat.link.replace(/\/udp\/\d+/, '/udp/9')); // for the last cell but two
    await t.lonely.click('#connect');
    t.one = await open(t.browser, t.chat.link);
    check('the address is filled in', await t.one.inputValue('#address') === t.chat.address);
    await connect(t.one);
    check('four steps', await t.one.locator('.steps .done').count() === 4);
    await shows(t.one, '#agent', 'minke-chat/');
    return t.one.innerText('#status');
  },

  async 'round trip'(t) {
    await t.one.waitForFunction(() => Number(document.getElementById('rtt').textContent) > 0);
    return `${await t.one.innerText('#rtt')} ms`;
  },

  async 'lines both ways'(t) {
    await say(t.one, 'Grüße from a page \u{1F40B}');
    await t.chat.says(/^\w{6}: Grüße from a page \u{1F40B}$/u);
    t.chat.type('hello from the terminal');
    await shows(t.one, '.lines p', 'hello from the terminal');
  },

  async 'two pages see each other'(t) {
    t.two = await open(t.browser, t.chat.link, { colorScheme: 'dark', bypassCSP: true }); // to look into a blob: below
    await connect(t.two);
    await shows(t.one, '.note', 'is here');
    await say(t.two, 'the second page greets the first');
    await shows(t.one, '.lines p', 'the second page greets the first');
    await say(t.one, 'and the first one answers');
    await shows(t.two, '.lines p', 'and the first one answers');
  },

  async 'a file to the listener'(t) {
    await choose_file(t.one, '..\\..//../etc/field notes.bin', 8 * MiB);
    const [ours, theirs] = await hashes(t.one);
    check('both hashes are the same', ours === theirs);
    const [stored, ...more] = readdirSync(t.save);
    check(`one file, stored under its own name: ${stored}`, stored === 'field_notes.bin' && more.length === 0);
    check('and that of what is stored', sha256(readFileSync(`${t.save}/${stored}`)) === ours);
    return t.one.locator('.speed').first().innerText();
  },

  async 'a file from the listener'(t) {
    await t.two.click('#get');
    const [ours, theirs] = await hashes(t.two);
    check('both hashes are the file’s', ours === sha256(t.offered) && theirs === ours);
    // Read, not downloaded: headless Chromium cancels some downloads of this size by itself.
    const saved = await t.two.locator('#transfers a').evaluate(async link => {
      const digest = await crypto.subtle.digest('SHA-256', await (await fetch(link.href)).arrayBuffer());
      return [link.download, ...Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0'))].join('');
    });
    check(`what is saved is the same: ${saved}`, saved === `whale-song.flac${ours}`);
    return t.two.locator('.speed').first().innerText();
  },

  async 'a file that is too large is refused'(t) {
    await choose_file(t.two, 'large.bin', 17 * MiB);
    await shows(t.two, '#transfers .bad', 'too large');
    check('nothing of it is stored', readdirSync(t.save).length === 1);
    await say(t.two, 'still here');
    await t.chat.says(/: still here$/);
  },

  async 'names stay in their directory'(t) {
    const wanted = {
      '..': '_.', '.profile': '_profile', '/etc/passwd': 'passwd', '-rf': '_rf', 'a/': '_',
      'b\x1b[2J\x9b\u{1F40B}': 'b_[2J_\u{1F40B}',
    };
    await Promise.all(Object.keys(wanted).map(async name => {
      const sender = new Program(t.minke, ['cat', t.chat.address, FILE_PROTOCOL]);
      sender.child.stdin.end(`put 3 ${name}\nabc`);
      await sender.says(/^sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad$/);
    }));
    const names = readdirSync(t.save).filter(name => name !== 'field_notes.bin').sort();
    check(`stored as ${names}`, names.join() === Object.values(wanted).sort().join());
  },

  async 'what is no file, or half of one, leaves nothing behind'(t) {
    const before = readdirSync(t.save).join();
    const said = async (input, pattern, ends = true) => {
      const sender = new Program(t.minke, ['cat', t.chat.address, FILE_PROTOCOL]);
      sender.child.stdin[ends ? 'end' : 'write'](input);
      await (pattern != null ? sender.says(pattern) : sleep(300));
      return sender;
    };
    await said('put 10 half\nabc', /^error the file broke off/);
    await said('nonsense\n', /^error this is neither/);
    await said('put 99999999999999999999999 x\n', /^error this is neither/);
    await said(`put ${'9'.repeat(600)}`, /^error the first line is too long/);
    const holding = await said('put 10 half\nabc', null, false);
    check('half a file lies there meanwhile', readdirSync(t.save).includes('half'));
    await holding.stop('SIGKILL');
    const quits = await said('put 10 other\nabc', null, false);
    await quits.stop('SIGTERM');
    await t.chat.says(/other broke off after 3 bytes/);
    check('and is removed', !readdirSync(t.save).includes('other'));
    check('nothing else is there', readdirSync(t.save).filter(name => name !== 'half').join() === before);
  },

  async 'a file that does not move is given up'(t) {
    const chat = await start_chat(t, '--save', t.save, '--patience', '1');
    const holding = new Program(t.minke, ['cat', chat.address, FILE_PROTOCOL]);
    holding.child.stdin.write('put 10 still\nabc');
    await chat.says(/still broke off after 3 bytes/);
    check('it is removed', !readdirSync(t.save).includes('still'));
    await Promise.all([holding.stop('SIGTERM'), chat.stop()]);
  },

  // 3.6 MB are more than its pipe, its windows and its queue hold: it must miss lines, and nobody else may wait.
  async 'a reader that stops does not stop the others'(t) {
    const slow = new Program(t.minke, ['cat', t.chat.address, CHAT_PROTOCOL]);
    await slow.says(/Welcome/);
    slow.child.stdout.pause();
    const before = resident(t.chat);
    const flood = new Program(t.minke, ['cat', t.chat.address, CHAT_PROTOCOL]);
    await flood.says(/Welcome/);
    for (let i = 0; i < 40; i++) flood.child.stdin.write(`${'flood '.repeat(150)}\n`.repeat(100));
    // The terminal misses lines too: what is last is said until it is seen.
    for (let tries = 0; tries < 200 && !t.chat.lines.some(line => /: over \d/.test(line)); tries++) {
      flood.type(`over ${tries}`);
      await sleep(100);
    }
    await t.chat.says(/: over \d/, 100);
    await say(t.one, 'still afloat');
    await shows(t.two, '.lines p', 'still afloat');
    const grown = resident(t.chat) - before;
    slow.child.stdout.resume();
    for (let tries = 0; tries < 50 && !slow.lines.some(line => /lines left out/.test(line)); tries++) {
      t.chat.type(`are you back? ${tries}`);
      await sleep(100);
    }
    await slow.says(/^\* \d+ lines left out$/, 100);
    await Promise.all([slow.stop('SIGTERM'), flood.stop('SIGTERM')]);
    check(`bounded memory: ${grown} kB more`, grown < 16 * 1024);
    return `${(grown / 1024).toFixed(1)} MiB more resident`;
  },

  async 'a wrong certificate hash is explained'(t) {
    const other = new Program(t.minke, ['listen', '--listen', '/ip4/127.0.0.1/udp/0/webrtc-direct']);
    const address = (await other.says(/\/certhash\//)).match(/\/ip4\S+/)[0];
    const certhash = /\/certhash\/[^/]+/;
    t.three = await open(t.browser, `file://${PAGE}#${address.replace(certhash, t.chat.address.match(certhash)[0])}`);
    await t.three.click('#connect');
    await shows(t.three, '#problem', 'not with the certificate');
    await t.three.fill('#address', address.replace(/\/p2p\/.*/, t.chat.address.match(/\/p2p\/.*/)[0]));
    await t.three.click('#connect');
    await shows(t.three, '#problem', 'Somebody else answers');
    await t.three.fill('#address', address);
    await connect(t.three);
    await shows(t.three, '.note', 'does not do the chat');
    await t.three.waitForFunction(() => Number(document.getElementById('rtt').textContent) > 0);
    await t.three.click('#get');
    await shows(t.three, '#transfers .bad', 'does not do');
    await other.stop();
    await shows(t.three, '#status', 'has gone');
  },

  async 'nobody there is explained'(t) {
    await shows(t.lonely, '#problem', 'Nobody answers');
  },

  async 'a browser that forbids edited offers'(t) {
    const browser = await launch([V2_ONLY]);
    try {
      const page = await open(browser, t.chat.link);
      await connect(page);
      await shows(page, '#status', 'version 2');
    } finally {
      await browser.close();
    }
  },

  async 'SIGINT ends it cleanly'(t) {
    check('no error in a page', [t.one, t.two, t.three].every(page => page?.fault == null));
    const end = await t.chat.stop();
    check(`exit code 0: ${end}`, end === 0);
    check('and is removed', !readdirSync(t.save).includes('half'));
    await Promise.all([t.one, t.two].map(page => shows(page, '#status', 'has gone')));
  },
};

/* ---- the pictures of docs/images/ ---- */

async function take_pictures(t, directory) {
  mkdirSync(directory, { recursive: true });
  const chat = await start_chat(t, '--save', t.save, '--offer', t.offer);
  const pages = [];
  for (const [scheme, width] of [['light', 1080], ['dark', 1080], ['light', 400]]) {
    const page = await open(t.browser, chat.link, { colorScheme: scheme, viewport: { width, height: 800 } });
    await connect(page);
    pages.push({ page, name: width < 600 ? 'browser-narrow.png' : `browser-${scheme}.png` });
  }
  const [{ page: first }, { page: second }] = pages;
  await say(first, 'Hello! This page was opened from a file, and talks to a C program.');
  await chat.says(/: Hello!/);
  chat.type('Welcome aboard. I print your lines in a terminal.');
  await shows(second, '.lines p', 'Welcome aboard');
  await say(second, 'And this is another page: the listener passes lines on.');
  await chat.says(/: And this is/);
  chat.type('Send me a file, I hash what arrives.');
  await shows(first, '.lines p', 'Send me a file');
  for (const { page } of pages) {
    await choose_file(page, 'field-notes.pdf', 6 * MiB);
    await hashes(page);
    await page.click('#get');
    await page.locator('#transfers li:nth-child(2)').waitFor();
    await hashes(page);
  }
  await sleep(14_000); // some pings to draw
  for (const { page, name } of pages) {
    await page.mouse.move(1, 1);
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: `${directory}/${name}`, fullPage: true });
    console.log(`${directory}/${name}`);
  }
  await chat.stop();
  return 0;
}

/** Prints one line for each cell. */
export async function page_example(options) {
  const { screenshot, minke } = options;
  const chat_program = `${dirname(minke)}/examples/chat`;
  return with_browser(options, [chat_program, minke, PAGE], BOUND, async work => {
    const t = { minke, chat_program, save: `${work}/saved`, offer: `${work}/whale-song.flac`, offered: randomBytes(12 * MiB) };
    try {
      t.browser = await launch();
      mkdirSync(t.save);
      writeFileSync(t.offer, t.offered);
      if (screenshot != null) return await take_pictures(t, screenshot);
      t.chat = await start_chat(t, '--save', t.save, '--offer', t.offer, '--max-size', `${16 * MiB}`);
      return await run_cells(cells, t, () => `the listener said:\n${t.chat.tail()}`);
    } finally {
      await t.browser?.close();
    }
  });
}
