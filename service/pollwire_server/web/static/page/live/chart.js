/**
 * Step chart of a poll's history in SVG, drawn at its real size so that text keeps its size.
 *
 * Lines have steps, because a count is valid until the next vote; a slope would show votes that do not exist.
 * Lines differ by dash as well as by colour. The legend has the label and the current value of each line.
 * On right-to-left pages the time axis is mirrored.
 */
import { createElement, createSvgElement, setText } from './dom.js';
import { tickFormat, timeTicks } from './series.js';

/**
 * @typedef {object} ChartData
 * @property {import('./series.js').Line[]} lines
 * @property {number[]} times of the values, ms since the epoch
 * @property {number} low minimum of the axis
 * @property {number} high
 * @property {number[]} gridValues values with a grid line
 * @property {(value: number) => string} format formats a value of the axis
 * @property {string[]} latest the current value of each line as text
 * @property {string} label text alternative
 * @property {string | null} more text for the lines that are left out
 */

const HEIGHT = 300;
const MARGIN = { top: 14, bottom: 30, start: 46, end: 16 };

export class Chart {
  /** @param {HTMLElement} figure @param {string} locale @param {boolean} mirrored */
  constructor(figure, locale, mirrored) {
    this.locale = locale;
    this.mirrored = mirrored;
    this.legend = createElement('ul', 'legend');
    this.svg = createSvgElement('svg', { role: 'img', class: 'lines' });
    this.grid = createSvgElement('g', { class: 'grid' });
    this.paths = createSvgElement('g', { class: 'paths' });
    this.svg.append(this.grid, this.paths);
    figure.replaceChildren(this.legend, this.svg);
    this.width = 0;
    new ResizeObserver(([entry]) => this.#resize(entry.contentRect.width)).observe(figure);
  }

  /** @param {ChartData} data */
  show(data) {
    this.data = data;
    if (this.width > 0) this.#draw(data);
  }

  /** @param {number} width */
  #resize(width) {
    if (Math.abs(width - this.width) < 1) return;
    this.width = width;
    if (this.data && width > 0) this.#draw(this.data);
  }

  /** @param {ChartData} data */
  #draw(data) {
    const { times } = data;
    const range = { from: times[0], to: Math.max(times[times.length - 1], times[0] + 10_000) };
    this.svg.setAttribute('viewBox', `0 0 ${this.width} ${HEIGHT}`);
    this.svg.setAttribute('height', String(HEIGHT));
    this.svg.setAttribute('aria-label', data.label);
    const x = (/** @type {number} */ at) => this.#xAt((at - range.from) / (range.to - range.from));
    const y = (/** @type {number} */ value) => HEIGHT - MARGIN.bottom - ((value - data.low) / (data.high - data.low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    this.#drawGrid(data, range, x, y);
    this.#drawLines(data, x, y);
    this.#drawLegend(data);
  }

  /** Return the x position. @param {number} part from 0, the start, to 1, the end */
  #xAt(part) {
    const offset = MARGIN.start + part * (this.width - MARGIN.start - MARGIN.end);
    return this.mirrored ? this.width - offset : offset;
  }

  /** @param {ChartData} data @param {{from: number, to: number}} range @param {(at: number) => number} x @param {(value: number) => number} y */
  #drawGrid(data, range, x, y) {
    const { ticks, step } = timeTicks(range.from, range.to, Math.max(2, Math.floor(this.width / 110)));
    const dateFormat = new Intl.DateTimeFormat(this.locale, tickFormat(step));
    const side = this.mirrored ? this.width - MARGIN.start + 10 : MARGIN.start - 10;
    const rows = data.gridValues.flatMap((value) => [
      createSvgElement('line', { x1: MARGIN.start, x2: this.width - MARGIN.end, y1: y(value), y2: y(value), ...(this.mirrored ? { x1: MARGIN.end, x2: this.width - MARGIN.start } : {}) }),
      createSvgElement('text', { x: side, y: y(value) + 4, 'text-anchor': this.mirrored ? 'start' : 'end' }, [data.format(value)]),
    ]);
    const columns = ticks
      .filter((at) => Math.min(x(at), this.width - x(at)) > 28)
      .map((at) => createSvgElement('text', { x: x(at), y: HEIGHT - 8, 'text-anchor': 'middle' }, [dateFormat.format(at)]));
    this.grid.replaceChildren(...rows, ...columns);
  }

  /** @param {ChartData} data @param {(at: number) => number} x @param {(value: number) => number} y */
  #drawLines({ lines, times }, x, y) {
    while (this.paths.childElementCount > 2 * lines.length) this.paths.lastElementChild?.remove();
    lines.forEach(({ values }, index) => {
      const [path, end] = this.#lineElements(index);
      const to = (/** @type {number} */ at) => [x(times[at]).toFixed(1), y(values[at]).toFixed(1)];
      path.setAttribute('d', values.map((_, at) => (at ? `H${to(at)[0]}V${to(at)[1]}` : `M${to(at)}`)).join(''));
      end.setAttribute('cx', x(times[times.length - 1]).toFixed(1));
      end.setAttribute('cy', y(values[values.length - 1]).toFixed(1));
    });
  }

  /** @param {number} index */
  #lineElements(index) {
    const { children } = this.paths;
    while (children.length < 2 * index + 2) {
      const name = `s${children.length / 2}`;
      this.paths.append(createSvgElement('path', { class: name }), createSvgElement('circle', { class: name, r: 4 }));
    }
    return [children[2 * index], children[2 * index + 1]];
  }

  /** @param {ChartData} data */
  #drawLegend({ lines, latest, more }) {
    const size = lines.length + (more ? 1 : 0);
    while (this.legend.childElementCount > size) this.legend.lastElementChild?.remove();
    lines.forEach(({ label }, index) => {
      const item = this.#legendItem(index);
      item.className = '';
      setText(item.children[1], label);
      setText(item.children[2], latest[index]);
    });
    if (more) {
      const item = this.#legendItem(lines.length);
      item.className = 'more';
      setText(item.children[1], more);
      setText(item.children[2], '');
    }
  }

  /** @param {number} index */
  #legendItem(index) {
    const existing = this.legend.children[index];
    if (existing) return existing;
    const sample = createSvgElement('svg', { class: 'sample', viewBox: '0 0 28 8', width: 28, height: 8, 'aria-hidden': 'true' }, [
      createSvgElement('path', { class: `s${index}`, d: 'M1 4H27' }),
    ]);
    const item = createElement('li', '', [sample, createElement('bdi', 'name'), createElement('b')]);
    this.legend.append(item);
    return item;
  }
}
