/**
 * Step chart of a poll's history in SVG, drawn at its real size so that text keeps its size.
 *
 * Lines have steps, because a count is valid until the next vote; a slope would show votes that do not exist.
 * Lines differ by dash as well as by colour. The legend has the label and the current value of each line.
 * On right-to-left pages the time axis is mirrored.
 */
import { draw, createElement, setText } from './dom.js';
import { formatOf, ticksOf } from './series.js';

/**
 * @typedef {object} Picture
 * @property {import('./series.js').Line[]} lines
 * @property {number[]} times of the values, ms since the epoch
 * @property {number} low minimum of the axis
 * @property {number} high
 * @property {number[]} marks values with a grid line
 * @property {(value: number) => string} tell formats a value
 * @property {string} label text alternative
 * @property {string | null} more text for the lines that are left out
 */

const HEIGHT = 300;
const EDGE = { top: 14, bottom: 30, start: 46, end: 16 };

export class Chart {
  /** @param {HTMLElement} figure @param {string} locale @param {boolean} mirrored */
  constructor(figure, locale, mirrored) {
    this.locale = locale;
    this.mirrored = mirrored;
    this.key = createElement('ul', 'key');
    this.svg = draw('svg', { role: 'img', class: 'lines' });
    this.grid = draw('g', { class: 'grid' });
    this.paths = draw('g', { class: 'paths' });
    this.svg.append(this.grid, this.paths);
    figure.replaceChildren(this.key, this.svg);
    this.width = 0;
    new ResizeObserver(([entry]) => this.#sized(entry.contentRect.width)).observe(figure);
  }

  /** @param {Picture} picture */
  show(picture) {
    this.picture = picture;
    if (this.width > 0) this.#draw(picture);
  }

  /** @param {number} width */
  #sized(width) {
    if (Math.abs(width - this.width) < 1) return;
    this.width = width;
    if (this.picture && width > 0) this.#draw(this.picture);
  }

  /** @param {Picture} picture */
  #draw(picture) {
    const { times } = picture;
    const span = { from: times[0], to: Math.max(times[times.length - 1], times[0] + 10_000) };
    this.svg.setAttribute('viewBox', `0 0 ${this.width} ${HEIGHT}`);
    this.svg.setAttribute('height', String(HEIGHT));
    this.svg.setAttribute('aria-label', picture.label);
    const x = (/** @type {number} */ at) => this.#across((at - span.from) / (span.to - span.from));
    const y = (/** @type {number} */ value) => HEIGHT - EDGE.bottom - ((value - picture.low) / (picture.high - picture.low)) * (HEIGHT - EDGE.top - EDGE.bottom);
    this.#drawGrid(picture, span, x, y);
    this.#drawLines(picture, x, y);
    this.#drawKey(picture);
  }

  /** Return the x position. @param {number} part from 0, the start, to 1, the end */
  #across(part) {
    const along = EDGE.start + part * (this.width - EDGE.start - EDGE.end);
    return this.mirrored ? this.width - along : along;
  }

  /** @param {Picture} picture @param {{from: number, to: number}} span @param {(at: number) => number} x @param {(value: number) => number} y */
  #drawGrid(picture, span, x, y) {
    const { ticks, step } = ticksOf(span.from, span.to, Math.max(2, Math.floor(this.width / 110)));
    const format = new Intl.DateTimeFormat(this.locale, formatOf(step));
    const side = this.mirrored ? this.width - EDGE.start + 10 : EDGE.start - 10;
    const rows = picture.marks.flatMap((value) => [
      draw('line', { x1: EDGE.start, x2: this.width - EDGE.end, y1: y(value), y2: y(value), ...(this.mirrored ? { x1: EDGE.end, x2: this.width - EDGE.start } : {}) }),
      draw('text', { x: side, y: y(value) + 4, 'text-anchor': this.mirrored ? 'start' : 'end' }, [picture.tell(value)]),
    ]);
    const columns = ticks
      .filter((at) => Math.min(x(at), this.width - x(at)) > 28)
      .map((at) => draw('text', { x: x(at), y: HEIGHT - 8, 'text-anchor': 'middle' }, [format.format(at)]));
    this.grid.replaceChildren(...rows, ...columns);
  }

  /** @param {Picture} picture @param {(at: number) => number} x @param {(value: number) => number} y */
  #drawLines({ lines, times }, x, y) {
    while (this.paths.childElementCount > 2 * lines.length) this.paths.lastElementChild?.remove();
    lines.forEach(({ values }, place) => {
      const [path, end] = this.#pair(place);
      const to = (/** @type {number} */ at) => [x(times[at]).toFixed(1), y(values[at]).toFixed(1)];
      path.setAttribute('d', values.map((_, at) => (at ? `H${to(at)[0]}V${to(at)[1]}` : `M${to(at)}`)).join(''));
      end.setAttribute('cx', x(times[times.length - 1]).toFixed(1));
      end.setAttribute('cy', y(values[values.length - 1]).toFixed(1));
    });
  }

  /** @param {number} place */
  #pair(place) {
    const { children } = this.paths;
    while (children.length < 2 * place + 2) {
      const name = `s${children.length / 2}`;
      this.paths.append(draw('path', { class: name }), draw('circle', { class: name, r: 4 }));
    }
    return [children[2 * place], children[2 * place + 1]];
  }

  /** @param {Picture} picture */
  #drawKey({ lines, tell, more }) {
    const wanted = lines.length + (more ? 1 : 0);
    while (this.key.childElementCount > wanted) this.key.lastElementChild?.remove();
    lines.forEach(({ label, values }, place) => {
      const item = this.#item(place);
      item.className = '';
      setText(item.children[1], label);
      setText(item.children[2], tell(values[values.length - 1]));
    });
    if (more) {
      const item = this.#item(lines.length);
      item.className = 'more';
      setText(item.children[1], more);
      setText(item.children[2], '');
    }
  }

  /** @param {number} place */
  #item(place) {
    const present = this.key.children[place];
    if (present) return present;
    const sample = draw('svg', { class: 'sample', viewBox: '0 0 28 8', width: 28, height: 8, 'aria-hidden': 'true' }, [
      draw('path', { class: `s${place}`, d: 'M1 4H27' }),
    ]);
    const item = createElement('li', '', [sample, createElement('bdi', 'name'), createElement('b')]);
    this.key.append(item);
    return item;
  }
}
