// examples/meet as people use it: two Chromium instances meet through `minke relay`, which they reach over webrtc-direct and
// then over /ws, talk and exchange files on the direct path, lose the relay, and call each other again and again.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { launch } from './chromium.js';
import { check, choose_file, MiB, open, Program, run_cells, say, shows, sleep, with_browser } from './example_pages.js';
import { root } from './options.js';

const PAGE = `${root}examples/meet/dist/index.html`;
const BOUND = 180_000;
const DIALS = 20;
const SIZE = 20 * MiB;
const WAYS = { 'webrtc-direct': /^\S+\s+(\/ip4\/\S+\/webrtc-direct\/\S+)$/, ws: /^\S+\s+(\/ip4\/\S+\/ws\/p2p\/\S+)$/ };

/** Given the addresses that it had, it is the same again. */
async function start_relay(t, had = { 'webrtc-direct': '/ip4/127.0.0.1/udp/0/webrtc-direct', ws: '/ip4/127.0.0.1/tcp/0/ws' }) {
  const listen = Object.values(had).flatMap(address => ['--listen', address.split(/\/(?:certhash|p2p)\//)[0]]);
  const relay = new Program(t.minke, ['relay', '--key', `${t.work}/relay.key`, ...listen]);
  relay.addresses = {};
  for (const [way, pattern] of Object.entries(WAYS)) relay.addresses[way] = pattern.exec(await relay.says(pattern))[1];
  return relay;
}

/** A page that waits, and the link to it. */
async function wait_page(browser, relay, options) {
  const page = await open(browser, `file://${PAGE}#relay=${relay}`, options);
  await page.waitForSelector('#invitation');
  page.link = await page.inputValue('#link');
  return page;
}

/** Follows a link: calls, and is there when the path is direct. */
async function call_page(browser, link, options) {
  const page = await open(browser, link, options);
  await page.waitForSelector('.path.direct');
  return page;
}

const is_direct = page => page.waitForSelector('.path.direct');
const is_alone = page => page.locator('#path').waitFor({ state: 'hidden' });

/** What the page has read from the browser's statistics: the candidates of the pair in use. */
async function kinds_of(page) {
  const path = page.locator('.path.direct[data-kinds]');
  await path.waitFor();
  return path.getAttribute('data-kinds');
}

/** Milliseconds of the set-up steps, as the caller shows them. */
async function steps_of(page) {
  return (await page.locator('#steps li > span > span').allInnerTexts()).map(parseFloat);
}

async function lines_both_ways(here, there, mark) {
  await say(here, `from here ${mark} \u{1F40B}`);
  await shows(there, '.lines p', `from here ${mark} \u{1F40B}`);
  await say(there, `from there ${mark}`);
  await shows(here, '.lines p', `from there ${mark}`);
}

/** Whole in a page's list: its state, and the hash. */
async function hash_of(page, name) {
  const row = page.locator('#transfers li', { hasText: name }).first();
  await row.locator('.verdict').waitFor({ timeout: 30_000 });
  check(`done: ${await row.innerText()}`, await row.getAttribute('data-state') === 'done');
  return row.locator('.ours').getAttribute('title');
}

async function file_arrives(from, to, name) {
  await choose_file(from, name, SIZE);
  const [sent, received] = await Promise.all([hash_of(from, name), hash_of(to, name)]);
  check('the hashes are the same', sent === received && sent.length === 64);
  const link = to.locator('#transfers li', { hasText: name }).locator('a');
  const size = await link.evaluate(async each => (await (await fetch(each.href)).blob()).size);
  check(`all of it is there: ${size}`, size === SIZE);
  return (await to.locator('#transfers li', { hasText: name }).locator('.speed').innerText()).split(', ').at(-1);
}

/** Hangs up and calls again, DIALS times; some by loading the page again, which has to reach the relay anew. */
async function many_dials({ caller, called }) {
  const times = [];
  const once = async i => {
    if (i % 5 === 4) {
      await caller.reload();
    } else {
      await caller.click('#connect');
      await is_alone(called);
      await caller.click('#connect');
    }
    await is_direct(caller);
    times.push((await steps_of(caller)).at(-1));
    if (i % 4 === 3) await lines_both_ways(caller, called, `dial ${i}`);
  };
  for (let i = 0; i < DIALS; i++) {
    await once(i).catch(async error => {
      const [here, there] = await Promise.all([caller, called].map(page => page.innerText('main > .card')));
      throw new Error(`dial ${i}, after ${times}: ${error.message}\nthe caller shows: ${here}\nthe called: ${there}`);
    });
  }
  return `${times.join(' ')} ms`;
}

/* ---- what is tried ---- */

const ways = Object.keys(WAYS);

function cells_of(way) {
  return {
    async [`two browsers meet, relay by ${way}`](t) {
      const called = await wait_page(t.browsers[0], t.relay.addresses[way], { bypassCSP: true }); // to look into a blob
      const caller = await call_page(t.browsers[1], called.link, { bypassCSP: true });
      t[way] = { called, caller };
      await is_direct(called);
      const kinds = [await kinds_of(caller), await kinds_of(called)];
      check(`no TURN server: ${kinds}`, kinds.every(each => !each.includes('relay')));
      return `relay, met, direct after ${(await steps_of(caller)).join(', ')} ms; candidates ${kinds[0]}`;
    },
    async [`lines both ways, ${way}`](t) {
      await lines_both_ways(t[way].caller, t[way].called, 'Grüße');
    },
    async [`20 MiB to who was called, ${way}`](t) {
      return file_arrives(t[way].caller, t[way].called, 'to-the-called.bin');
    },
    async [`20 MiB to the caller, ${way}`](t) {
      return file_arrives(t[way].called, t[way].caller, 'to-the-caller.bin');
    },
  };
}

const cells = {
  // Two that wait for long, begun first: each is looked at further below.
  async 'pages that can only fail are opened'(t) {
    const relay = t.relay.addresses['webrtc-direct'];
    t.lonely = await open(t.browsers[0], `file://${PAGE}#relay=${relay.replace(/\/udp\/\d+/, '/udp/9')}`);
    // These two never hear of each other's addresses.
    t.deaf = await Promise.all(t.browsers.map(async browser => {
      const page = await open(browser, 'about:blank');
      await page.addInitScript(() => { RTCPeerConnection.prototype.addIceCandidate = async () => {}; });
      return page;
    }));
    await t.deaf[0].goto(`file://${PAGE}#relay=${relay}`);
    await t.deaf[0].waitForSelector('#invitation');
    await t.deaf[1].goto(await t.deaf[0].inputValue('#link'));
    await t.deaf[1].waitForSelector('.path.relayed');
  },

  ...cells_of('webrtc-direct'),
  ...cells_of('ws'),

  async 'without a direct path, lines go over the relay and files do not'(t) {
    const [called, caller] = t.deaf;
    await lines_both_ways(caller, called, 'relayed');
    await shows(caller, '#path-facts', ' s more');
    await caller.waitForSelector('#again:not([hidden])', { timeout: 25_000 });
    await shows(caller, '#problem', 'direct connection did not come about');
    await choose_file(caller, 'file.bin', 1000);
    await shows(caller, '#transfers .bad', 'needs the direct path');
    await lines_both_ways(caller, called, 'still relayed');
    return caller.innerText('#path-facts');
  },

  async 'a third one is told that two are talking'(t) {
    const third = await open(t.browsers[1], t.ws.called.link);
    await shows(third, '.note', 'talks to somebody else');
    await lines_both_ways(t.ws.caller, t.ws.called, 'undisturbed');
    await third.close();
  },

  async 'who was called loads the page again: the link stays good'(t) {
    const { called, caller } = t.ws;
    await called.reload();
    await called.waitForSelector('#invitation');
    check('the link is the same', await called.inputValue('#link') === called.link);
    await shows(caller, '#status', 'has gone');
    await caller.click('#connect');
    await is_direct(caller);
    await lines_both_ways(caller, called, 'again');
  },

  async 'the caller closes the page: the other one sees it, and can be called again'(t) {
    const { called, caller } = t.ws;
    await caller.close();
    await is_alone(called);
    await shows(called, '#status', 'Waiting for somebody');
    t.ws.caller = await call_page(t.browsers[1], called.link);
    await lines_both_ways(t.ws.caller, called, 'back');
  },

  async 'a link to who is not there is explained'(t) {
    const page = await open(t.browsers[1], t.ws.called.link.replace(/&peer=.*/, `&peer=${t.relay.addresses.ws.split('/p2p/')[1]}`));
    await shows(page, '#problem', 'the relay itself');
    const nobody = await open(t.browsers[0], `file://${PAGE}#relay=${t.relay.addresses.ws}`);
    await nobody.waitForSelector('#invitation');
    const link = await nobody.inputValue('#link');
    await nobody.close();
    await page.goto('about:blank');
    await page.goto(link);
    await shows(page, '#problem', 'Nobody waits there');
    await page.close();
  },

  // Lines over the relay at first, then directly.
  async 'examples/chat behind the relay'(t) {
    const chat = new Program(t.chat_program, ['--listen', '/ip4/127.0.0.1/udp/0/webrtc-direct',
      '--relay', t.relay.addresses.ws, '--page', `file://${PAGE}`]);
    const link = (await chat.says(/^open .*webrtc-direct.*p2p-circuit/)).split(/\s+/)[1];
    const page = await open(t.browsers[1], link);
    await shows(page, '.note', 'Welcome');
    await say(page, 'from a page, over the relay');
    await chat.says(/: from a page, over the relay$/);
    chat.type('from a terminal');
    await shows(page, '.lines p', 'from a terminal');
    await page.locator('.path.direct').first().waitFor({ timeout: 25_000 });
    const how = await page.innerText('#kind');
    await say(page, 'and now directly');
    await chat.says(/: and now directly$/);
    await page.close();
    check('exit code 0', await chat.stop() === 0);
    return how;
  },

  async 'a relay that is not there is explained'(t) {
    await t.lonely.locator('#problem', { hasText: 'The relay does not answer' }).waitFor({ timeout: 20_000 });
  },

  async 'the relay is killed: what is direct stays; it is back: the link is good again'(t) {
    await t.relay.stop('SIGKILL');
    await Promise.all(ways.map(way => shows(t[way].called, '.note', 'The relay has gone')));
    for (const way of ways) await lines_both_ways(t[way].caller, t[way].called, 'without a relay');
    for (const way of ways) check(`${way} is direct`, await t[way].called.locator('.path.direct').isVisible());
    t.relay = await start_relay(t, t.relay.addresses);
    for (const way of ways) {
      await t[way].caller.click('#connect');
      await t[way].called.waitForSelector('#invitation', { timeout: 45_000 });
      await is_alone(t[way].called);
      await t[way].caller.click('#connect');
      await is_direct(t[way].caller);
    }
  },

  async [`${DIALS} calls in a row, relay by webrtc-direct, beside ${DIALS} by ws`](t) {
    const [direct, ws] = await Promise.all(ways.map(way => many_dials(t[way])));
    return `${direct}; ${ws}`;
  },

  async 'no error in a page, and the relay ends cleanly'(t) {
    const pages = [...ways.flatMap(way => [t[way].called, t[way].caller]), ...t.deaf];
    for (const page of pages) check(`no error: ${page.fault?.stack}`, page.fault == null);
    check('exit code 0', await t.relay.stop() === 0);
  },
};

/* ---- the pictures of docs/images/ ---- */

async function take_pictures(t, directory) {
  mkdirSync(directory, { recursive: true });
  const server = new Program(process.execPath, [`${root}examples/meet/serve.js`, '0']); // with the QR code
  const url = await server.says(/^http/);
  const options = { colorScheme: 'light', viewport: { width: 1080, height: 900 }, bypassCSP: true };
  const called = await open(t.browsers[0], `${url}#relay=${t.relay.addresses['webrtc-direct']}`, options);
  await called.waitForSelector('#invitation');
  const link = await called.inputValue('#link');
  const caller = await call_page(t.browsers[1], link, options);
  await is_direct(called);
  await say(caller, 'I have followed your link. Is there a server between us?');
  await shows(called, '.lines p', 'followed your link');
  await say(called, 'There was, for half a second: the relay. Now there is not.');
  await shows(caller, '.lines p', 'half a second');
  await file_arrives(caller, called, 'field-notes.pdf');
  await file_arrives(called, caller, 'whale-song.flac');
  await sleep(10_000); // some pings to draw
  for (const [page, name] of [[called, 'meet-called.png'], [caller, 'meet-caller.png']]) {
    await page.mouse.move(1, 1);
    await page.evaluate(() => document.activeElement.blur());
    await page.screenshot({ path: `${directory}/${name}`, fullPage: true });
    console.log(`${directory}/${name}`);
  }
  await server.stop('SIGTERM');
  return 0;
}

/** Prints one line for each cell. */
export async function meet_example(options) {
  const { minke, screenshot } = options;
  const chat_program = `${dirname(minke)}/examples/chat`;
  return with_browser(options, [minke, PAGE, chat_program], BOUND, async work => {
    const t = { minke, chat_program, work, browsers: [] };
    try {
      t.browsers = await Promise.all([launch(), launch()]);
      t.relay = await start_relay(t);
      if (screenshot != null) return await take_pictures(t, screenshot);
      return await run_cells(cells, t, () => `the relay said:\n${t.relay.tail()}`);
    } finally {
      await Promise.all(t.browsers.map(browser => browser.close()));
    }
  });
}
