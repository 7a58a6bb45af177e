// The status page of a host that serves its metrics, looked at in Chromium: all figures are there, in the light and in
// the dark, on a screen and on a phone, with no script and nothing from elsewhere. With a directory for screenshots it
// leaves relay-status.png there.
import { chromium_path, launch } from './chromium.js';

const BOUND = 30_000;
const LOOKS = [
  { name: 'light, on a screen', width: 1080, height: 900, scheme: 'light', picture: 'relay-status.png' },
  { name: 'dark, on a screen', width: 1080, height: 900, scheme: 'dark' },
  { name: 'light, on a phone', width: 360, height: 740, scheme: 'light' },
  { name: 'dark, on a phone', width: 360, height: 740, scheme: 'dark' },
];

function check(what, condition) {
  if (!condition) throw new Error(`not so: ${what}`);
}

/** How much lighter the lighter of two colours is, "rgb(1, 2, 3)" each (WCAG 2). */
function contrast(one, other) {
  const luminance = colour => {
    const [r, g, b] = colour.match(/\d+/g).map(Number).map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

async function look(browser, url, { width, height, scheme, picture }, directory) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme });
  const page = await context.newPage();
  const asked = [], complaints = [];
  page.on('request', request => asked.push(request.url()));
  page.on('console', message => complaints.push(message.text()));
  page.on('pageerror', error => complaints.push(error.message));
  const response = await page.goto(url);
  check(`status 200: ${response.status()}`, response.status() === 200);
  check(`an HTML page: ${response.headers()['content-type']}`, response.headers()['content-type'].startsWith('text/html'));
  check(`nothing else is loaded: ${asked}`, asked.every(each => new URL(each).origin === new URL(url).origin));
  const wanted = complaints.filter(each => !/favicon/.test(each));
  check(`no complaints: ${wanted}`, wanted.length === 0);
  const seen = await page.evaluate(() => ({
    title: document.querySelector('h1').innerText,
    peer: document.querySelector('header code').innerText,
    sections: [...document.querySelectorAll('h2')].map(each => each.innerText),
    scripts: document.scripts.length,
    width: document.documentElement.scrollWidth,
    style: (({ color, backgroundColor }) => ({ color, backgroundColor }))(getComputedStyle(document.body)),
    quiet: getComputedStyle(document.querySelector('.quiet')).color,
  }));
  check(`who it is: ${seen.title}, ${seen.peer}`, /^Minke/.test(seen.title) && /^(12D3Koo|Qm|16Uiu2)/.test(seen.peer));
  for (const section of ['Connections', 'Memory', 'Addresses', 'Counters'])
    check(`a section: ${section}`, seen.sections.includes(section));
  check('no script', seen.scripts === 0);
  check(`it does not scroll sideways: ${seen.width} of ${width}`, seen.width <= width);
  const { color, backgroundColor } = seen.style;
  check(`it can be read: ${color} on ${backgroundColor}`, contrast(color, backgroundColor) >= 7);
  check(`all of it: ${seen.quiet} on ${backgroundColor}`, contrast(seen.quiet, backgroundColor) >= 4.5);
  if (picture != null && directory != null) {
    await page.screenshot({ path: `${directory}/${picture}`, fullPage: true });
    console.log(`${directory}/${picture}`);
  }
  await context.close();
}

/** Prints a line for each look. Without a browser nothing is run, which fails if it is required. */
export async function status_page({ status, screenshot, require }) {
  if (chromium_path() == null) {
    console.log('not-run: Chromium is not installed (apt-get install chromium)');
    return require.includes('chromium') || screenshot != null ? 1 : 0;
  }
  let failed = 0;
  const browser = await launch();
  const bound = setTimeout(() => {
    console.error(`not done within ${BOUND / 1000} s`);
    process.exit(1);
  }, BOUND);
  try {
    for (const one of LOOKS) {
      try {
        await look(browser, status, one, screenshot);
        console.log(`pass  ${one.name}`);
      } catch (error) {
        console.log(`FAIL  ${one.name}: ${error.message}`);
        failed++;
      }
    }
  } finally {
    clearTimeout(bound);
    await browser.close();
  }
  console.log(`\n${LOOKS.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
