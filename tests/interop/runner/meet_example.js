// examples/meet as people use it: two Chromium instances meet through `minke relay`, which they reach over webrtc-direct and
// then over /ws, talk and exchange files on the direct path, lose the relay, and call each other again and again.
import { dirname } from 'node:path';
import { launch } from './chromium.js';
import { check, choose_file, MiB, open, Program, run_cells, say, shows, sleep, with_browser } from './example_pages.js';
import { root } from './options.js';

const PAGE = `${root}examples/meet/dist/index.html`;
const BOUND = 150_000;
const DIALS = 20;
const SIZE = 20 * MiB;
const WAYS = { 'webrtc-direct': /^\S+ (\/ip4\/\S+\/webrtc-direct\/\S+)$/, ws: /^\S+ (\/ip4\/\S+\/ws\/p2p\/\S+)$/ };

async function start_relay(t, ...args) {
  const relay = new Program(t.minke, ['relay', '--listen', '/ip4/127.0.0.1/udp/0/webrtc-direct',
    '--listen', '/ip4/127.0.0.1/tcp/0/ws', ...args]);
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
