// Plots as SVG, of two kinds: horizontal bars, and lines over a number. Greys and colours that can be read on white and on
// black; the background is left out.
const GREY = '#78818c', REFERENCE = '#a3acb8';
const COLOURS = ['#3d85c6', '#d98032', '#4d9e5f', '#9a6fd0', '#cc5b5b', '#2f9e9e', '#b08f2e'];
const WIDTH = 760;
const DOTS_MAX = 20; // more points are a curve

const escape = text => `${text}`.replace(/[&<>"]/g, c => `&#${c.charCodeAt(0)};`);
const round = value => Math.round(value * 10) / 10;
const number = value => value === 0 ? '0' : Math.abs(value) >= 100 ? value.toFixed(0) : `${Number(value.toPrecision(3))}`;

function text(x, y, content, { anchor = 'start', size = 12, weight = 400, turned = false } = {}) {
  const turn = turned ? ` transform="rotate(-90 ${round(x)} ${round(y)})"` : '';
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}"${turn}>${escape(content)}</text>`;
}

const line = (x1, y1, x2, y2, colour = GREY, more = '') =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${colour}" ${more}/>`;

const with_unit = ({ title, unit }) => unit ? `${title}, ${unit}` : title;

function picture(height, title, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${round(height)}" width="${WIDTH}" role="img" aria-label="${escape(title)}"`,
    `  font-family="system-ui, sans-serif" fill="${GREY}">`,
    text(10, 22, title, { size: 15, weight: 600 }),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

/** Round steps from 0 to beyond `max`: 1, 2 or 5 times a power of ten, about five of them. */
export function ticks_to(max) {
  if (!(max > 0)) return [0, 1];
  const raw = max / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find(each => each * power >= raw * 0.999);
  const count = Math.ceil(max / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** bars: [{ title, min, median, max }], or with `not_run` instead of numbers; `reference`: not a peer, but what it is measured by. */
export function bar_plot(title, axis, bars) {
  const left = 20 + Math.min(300, 7 * Math.max(...bars.map(bar => bar.title.length))), right = WIDTH - 70, top = 40, step = 26;
  const ticks = ticks_to(Math.max(0, ...bars.filter(bar => bar.max != null).map(bar => bar.max)));
  const x = value => left + (right - left) * value / ticks.at(-1);
  const bottom = top + step * bars.length;
  const parts = [];
  for (const tick of ticks) {
    parts.push(line(x(tick), top, x(tick), bottom, GREY, 'stroke-opacity="0.3"'));
    parts.push(text(x(tick), bottom + 16, number(tick), { anchor: 'middle' }));
  }
  for (const [i, bar] of bars.entries()) {
    const y = top + step * i + step / 2;
    parts.push(text(left - 8, y + 4, bar.title, { anchor: 'end' }));
    if (bar.median == null) {
      parts.push(text(left + 6, y + 4, bar.not_run ?? 'not run'));
      continue;
    }
    const colour = bar.reference ? REFERENCE : COLOURS[bar.title.startsWith('Minke') ? 0 : 1];
    parts.push(`<rect x="${left}" y="${round(y - 8)}" width="${round(x(bar.median) - left)}" height="16" fill="${colour}"/>`);
    parts.push(line(x(bar.min), y, x(bar.max), y, GREY, 'stroke-width="2"'));
    parts.push(text(x(Math.max(bar.median, bar.max)) + 6, y + 4, number(bar.median)));
  }
  parts.push(text((left + right) / 2, bottom + 36, with_unit(axis), { anchor: 'middle' }));
  return picture(bottom + 46, title, parts);
}

/** Where numbers lie on an axis: even, or by their logarithm; ticks are then the numbers themselves. */
function scale_of(axis, values, from, to) {
  if (!axis.log) {
    const ticks = ticks_to(Math.max(...values));
    return { ticks, at: value => from + (to - from) * value / ticks.at(-1) };
  }
  const ticks = [...new Set(values)].sort((a, b) => a - b);
  const [low, high] = [Math.log(ticks[0]), Math.log(ticks.at(-1))];
  return { ticks, at: value => high > low ? from + (to - from) * (Math.log(value) - low) / (high - low) : (from + to) / 2 };
}

/** series: [{ title, points: [{ x, min, median, max }] }]. An axis with `log: true` has its ticks at the points. */
export function line_plot(title, x_axis, y_axis, series) {
  const left = 70, right = WIDTH - 60 - 6.5 * Math.max(...series.map(each => each.title.length)), top = 44, bottom = 344;
  const points = series.flatMap(each => each.points);
  const xs = scale_of(x_axis, points.map(point => point.x), left, right);
  const ys = scale_of({ log: false }, points.map(point => point.max), bottom, top);
  const parts = [];
  for (const tick of ys.ticks) {
    parts.push(line(left, ys.at(tick), right, ys.at(tick), GREY, 'stroke-opacity="0.3"'));
    parts.push(text(left - 8, ys.at(tick) + 4, number(tick), { anchor: 'end' }));
  }
  for (const tick of xs.ticks) {
    parts.push(line(xs.at(tick), bottom, xs.at(tick), bottom + 4));
    parts.push(text(xs.at(tick), bottom + 18, x_axis.show?.(tick) ?? number(tick), { anchor: 'middle' }));
  }
  for (const [i, { title: name, points: own }] of series.entries()) {
    const colour = COLOURS[i % COLOURS.length], sorted = [...own].sort((a, b) => a.x - b.x);
    const path = sorted.map(point => `${round(xs.at(point.x))},${round(ys.at(point.median))}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const point of sorted.length > DOTS_MAX ? [] : sorted) {
      parts.push(line(xs.at(point.x), ys.at(point.min), xs.at(point.x), ys.at(point.max), colour));
      parts.push(`<circle cx="${round(xs.at(point.x))}" cy="${round(ys.at(point.median))}" r="3.5" fill="${colour}"/>`);
    }
    parts.push(line(right + 16, top + 20 * i + 4, right + 36, top + 20 * i + 4, colour, 'stroke-width="3"'));
    parts.push(text(right + 42, top + 20 * i + 8, name));
  }
  parts.push(line(left, bottom, right, bottom));
  parts.push(text((left + right) / 2, bottom + 40, with_unit(x_axis), { anchor: 'middle' }));
  parts.push(text(18, (top + bottom) / 2, with_unit(y_axis), { anchor: 'middle', turned: true }));
  return picture(bottom + 52, title, parts);
}
