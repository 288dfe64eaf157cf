/**
 * Step chart (SVG) of votes over time, with a table. Lines differ by dashes too, and have their label at the end.
 */
import { orderByResult } from '../../results/leading.js';
import { el, setChildren, svg } from '../dom.js';
import { formatTime, formatDay, formatShortDateTime } from '../date_format.js';
import { number, t } from '../i18n.js';
import { rowsOf } from './bars.js';

/** @typedef {import('../types.js').Point} Point */
/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {import('../types.js').Results} Results */

const [HEIGHT, TOP, BOTTOM, LEFT, RIGHT] = [240, 12, 26, 44, 112];
const [MIN_WIDTH, DEFAULT_WIDTH] = [280, 640];
const MAX_LINES = 6;
const DASHES = ['none', '7 3', '2 3', '9 3 2 3', '12 4', '4 4'];
const LABEL_HEIGHT = 15;
const TABLE_ROWS = 24;
const DAY_MS = 86_400_000;
/** A shorter chart has times with seconds. */
const MINUTES_MS = 180_000;

export class Chart {
  #drawing = el('div', { class: 'plot' });
  #table = el('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t.poll.asTable });
  #none = el('p', { class: 'quiet' }, t.poll.timelineEmpty);
  #details = el('details', {}, el('summary', {}, t.poll.asTable), this.#table);
  element = el('div', { class: 'chart' }, this.#none, this.#drawing, this.#details);

  /** @type {{lines: Line[], points: Point[]} | null} */
  #shown = null;
  #lastDrawn = '';

  constructor() {
    new ResizeObserver(() => this.#draw()).observe(this.#drawing);
  }

  /** @param {Poll} poll @param {Point[]} points oldest first @param {Results | undefined} results */
  update(poll, points, results) {
    const shown = points.length > 1;
    const last = points.at(-1);
    const lastDrawn = `${poll.version} ${points.length} ${last?.at} ${last?.voters}`;
    if (lastDrawn === this.#lastDrawn) return; // do not replace a table that the operator reads
    this.#lastDrawn = lastDrawn;
    this.#none.hidden = shown;
    this.#drawing.hidden = this.#details.hidden = !shown;
    if (!shown) return;
    this.#shown = { lines: linesOf(poll, points, results), points };
    this.#draw();
    setChildren(this.#table, table(this.#shown.lines, points));
  }

  /** One unit of the SVG is one pixel, so that text keeps its size on a phone. */
  #draw() {
    if (!this.#shown) return;
    const width = Math.max(MIN_WIDTH, this.#drawing.clientWidth || DEFAULT_WIDTH);
    setChildren(this.#drawing, drawing(this.#shown.lines, this.#shown.points, width));
  }
}

/** @typedef {{label: string, values: number[]}} Line */

/** Return a line for each of the first options by the poll's own rule. @param {Poll} poll @param {Point[]} points @param {Results | undefined} results @returns {Line[]} */
function linesOf(poll, points, results) {
  const labels = new Map(rowsOf(poll).map(({ id, label }) => [id, label]));
  const ids = orderByResult([...labels.keys()], poll.kind, results ?? points[points.length - 1]).slice(0, MAX_LINES);
  return ids.map((id) => ({ label: labels.get(id) ?? id, values: points.map(({ counts }) => counts[id] ?? 0) }));
}

/** @param {Line[]} lines @param {Point[]} points @param {number} width */
function drawing(lines, points, width) {
  const right = width - RIGHT;
  const [from, until] = [Date.parse(points[0].at), Date.parse(points[points.length - 1].at)];
  const top = niceAbove(Math.max(1, ...lines.flatMap(({ values }) => values)));
  const x = (/** @type {number} */ index) => LEFT + ((Date.parse(points[index].at) - from) / Math.max(1, until - from)) * (right - LEFT);
  const y = (/** @type {number} */ value) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM);
  const picture = svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': t.poll.timeline, direction: 'ltr' });
  picture.append(...grid(top, y, right), ...ticks(from, until, right));
  const ends = placed(lines.map(({ values }) => y(values[values.length - 1])));
  lines.forEach(({ label, values }, index) => {
    const path = values.map((value, step) => (step ? `H${x(step).toFixed(1)}V${y(value).toFixed(1)}` : `M${x(step).toFixed(1)} ${y(value).toFixed(1)}`)).join('');
    picture.append(
      svg('path', { d: path, class: `line shade-${index}`, 'stroke-dasharray': DASHES[index % DASHES.length] }),
      svg('text', { x: right + 8, y: ends[index] + 4, class: `name shade-${index}` }, cut(label)),
    );
  });
  return picture;
}

/** @param {number} top @param {(value: number) => number} y @param {number} right */
function grid(top, y, right) {
  return [0, top / 2, top].flatMap((value) => [
    svg('line', { x1: LEFT, x2: right, y1: y(value), y2: y(value), class: 'grid' }),
    svg('text', { x: LEFT - 8, y: y(value) + 4, class: 'tick', 'text-anchor': 'end' }, number(value)),
  ]);
}

/** @param {number} from @param {number} until @param {number} right */
function ticks(from, until, right) {
  const second = until - from < MINUTES_MS ? '2-digit' : undefined;
  const formatTick = until - from > DAY_MS ? formatDay : (/** @type {number} */ at) => formatTime(at, second);
  return [0, 0.5, 1].map((part) =>
    svg('text', { x: LEFT + part * (right - LEFT), y: HEIGHT - 8, class: 'tick', 'text-anchor': ['start', 'middle', 'end'][part * 2] }, formatTick(from + part * (until - from))),
  );
}

/** Return label positions, moved apart so that none covers another. @param {number[]} preferred */
function placed(preferred) {
  const order = preferred.map((place, index) => ({ place, index })).sort((one, other) => one.place - other.place);
  order.forEach((item, rank) => {
    if (rank) item.place = Math.max(item.place, order[rank - 1].place + LABEL_HEIGHT);
  });
  const over = Math.max(0, (order.at(-1)?.place ?? 0) - (HEIGHT - BOTTOM));
  /** @type {number[]} */
  const places = [];
  for (const { place, index } of order) places[index] = place - over;
  return places;
}

/** @param {string} label */
function cut(label) {
  return label.length > 15 ? `${label.slice(0, 14)}…` : label;
}

/** Return the next round number above, whose half is whole too. @param {number} value */
function niceAbove(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  const step = [2, 4, 6, 8, 10].find((factor) => factor * unit >= value) ?? 10;
  return Math.max(2, step * unit);
}

/** @param {Line[]} lines @param {Point[]} points */
function table(lines, points) {
  const every = Math.max(1, Math.ceil(points.length / TABLE_ROWS));
  const rows = points.map((point, index) => ({ point, index })).filter(({ index }) => index % every === 0 || index === points.length - 1).reverse();
  const head = el('tr', {}, el('th', { scope: 'col' }, t.poll.time), ...lines.map(({ label }) => el('th', { scope: 'col' }, el('bdi', {}, label))));
  const body = rows.map(({ point, index }) => el('tr', {}, el('th', { scope: 'row' }, formatShortDateTime(point.at)), ...lines.map(({ values }) => el('td', {}, number(values[index])))));
  return el('table', { class: 'data-table' }, el('thead', {}, head), el('tbody', {}, ...body));
}
