/**
 * Rounds of a ranked poll, as a diagram of transferred votes and as a table.
 *
 * Only results over HTTP contain the rounds, because they would make every frame larger. They are read again after
 * a change of the results, at most every few seconds.
 */
import { byId, draw, createElement, rarely, read, table } from './dom.js';
import { EXHAUSTED, flowOf } from './runoff_layout.js';

/** @typedef {import('../../widget/model.js').State} State */

const READ_EVERY_MS = 3000;
const NARROWEST_COLUMN = 150;
const BLOCK_WIDTH = 12;
const HEIGHT = 260;
const GAP = 26;
const HEAD = 30;
/** Gaps before and after the text of a block. */
const [BESIDE, AFTER] = [8, 14];

export class Rounds {
  /** Position (epoch, seq and labels) of the last read. */
  position = '';
  /** @type {State | null} */
  state = null;
  column = NARROWEST_COLUMN;
  /** Draws the rounds again, for a new width. */
  redraw = () => {};

  /** @param {import('./i18n.js').PageTranslator} translator */
  constructor(translator) {
    this.translator = translator;
    this.load = rarely(READ_EVERY_MS, () => this.#load());
    const resized = rarely(200, () => this.redraw());
    let width = 0;
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width === 0) return; // hidden
      if (Math.abs(contentRect.width - width) > 1) resized();
      width = contentRect.width;
    }).observe(byId('rounds-body'));
  }

  /** @param {State} state */
  update(state) {
    const { poll, results, trouble } = state;
    const shown = poll?.kind === 'ranked' && !trouble && Boolean(results) && !results?.hidden && results?.phase !== 'scheduled';
    byId('rounds').hidden = !shown;
    if (!shown || !results) return;
    this.state = state;
    const position = `${results.epoch} ${results.seq} ${poll.options?.map(({ label }) => label).join()}`;
    if (position === this.position) return;
    this.position = position;
    this.load();
  }

  async #load() {
    const poll = this.state?.poll;
    if (!poll) return;
    const { status, document } = await read(`polls/${encodeURIComponent(poll.id)}/results`);
    if (status !== 200) {
      this.position = ''; // the next frame causes another read
      return;
    }
    const rounds = document.rounds ?? [];
    this.redraw = () => {
      byId('rounds-body').replaceChildren(...(rounds.length ? this.#shown(poll, rounds, document.winner) : [createElement('p', 'why', [this.translator.t('noVotesToCount')])]));
    };
    this.redraw();
  }

  /** @param {import('../../client/types.js').Poll} poll @param {import('./runoff_layout.js').Round[]} rounds @param {string | null} winner */
  #shown(poll, rounds, winner) {
    const names = new Map((poll.options ?? []).map(({ id, label }) => [id, label]));
    names.set(EXHAUSTED, this.translator.t('exhausted'));
    const picture = createElement('div', 'flow-scroll', [this.#picture(rounds, names, winner)]);
    picture.tabIndex = 0;
    picture.setAttribute('role', 'group');
    picture.setAttribute('aria-labelledby', 'rounds-title');
    const scroller = createElement('div', 'table-scroll', [this.#table(rounds, names, winner)]);
    scroller.tabIndex = 0;
    scroller.setAttribute('role', 'group');
    scroller.setAttribute('aria-label', this.translator.t('roundsTable'));
    return [picture, scroller];
  }

  /** @param {import('./runoff_layout.js').Round[]} rounds @param {Map<string, string>} names @param {string | null} winner */
  #picture(rounds, names, winner) {
    const order = [...names.keys()].filter((id) => id !== EXHAUSTED);
    const { blocks, bands, height } = flowOf(rounds, order, { height: HEIGHT, gap: GAP });
    const room = byId('rounds-body').clientWidth;
    const texts = blocks.map((block) => this.#textOf(block, names, winner, rounds));
    const widest = Math.ceil(BLOCK_WIDTH + BESIDE + AFTER + widthOf(texts));
    this.column = Math.max(NARROWEST_COLUMN, widest, (room - widest) / Math.max(1, rounds.length - 1));
    const width = this.column * (rounds.length - 1) + widest;
    const mirrored = this.translator.direction === 'rtl';
    const x = (/** @type {number} */ along) => (mirrored ? width - along : along);
    const place = new Map(order.map((id, at) => [id, at % 6]));
    const marked = (/** @type {string} */ id) => (id === EXHAUSTED ? 'spent' : `f${place.get(id)}`);
    const heads = rounds.map((_, round) => draw('text', { class: 'head', x: x(round * this.column), y: 14, 'text-anchor': mirrored ? 'end' : 'start' }, [this.translator.t('round', { n: round + 1 })]));
    const flows = bands.map((band) => draw('path', { class: `band ${marked(band.id)}${band.moved ? ' moved' : ''}`, d: this.#band(band, x) }));
    const bars = blocks.map((block) => draw('rect', {
      class: `block ${marked(block.id)}`,
      x: Math.min(x(block.round * this.column), x(block.round * this.column + BLOCK_WIDTH)),
      y: HEAD + block.top,
      width: BLOCK_WIDTH,
      height: block.height,
      rx: Math.min(3, block.height / 2),
    }));
    const told = blocks.map((block, at) => this.#told(block, texts[at], block.id === winner && block.round === rounds.length - 1, x, mirrored));
    return draw('svg', { class: 'flow', role: 'img', 'aria-label': this.translator.t('roundsChart'), viewBox: `0 0 ${width} ${HEAD + height + 6}`, width, height: HEAD + height + 6 }, [...flows, ...bars, ...heads, ...told]);
  }

  /** @param {import('./runoff_layout.js').Band} band @param {(along: number) => number} x */
  #band({ from, start, end, height }, x) {
    const left = x(from * this.column + BLOCK_WIDTH);
    const right = x((from + 1) * this.column);
    const middle = (left + right) / 2;
    const [a, b] = [HEAD + start, HEAD + end];
    return `M${left} ${a}C${middle} ${a} ${middle} ${b} ${right} ${b}V${b + height}C${middle} ${b + height} ${middle} ${a + height} ${left} ${a + height}Z`;
  }

  /**
   * @param {import('./runoff_layout.js').Block} block
   * @param {Map<string, string>} names
   * @param {string | null} winner
   * @param {import('./runoff_layout.js').Round[]} rounds
   */
  #textOf(block, names, winner, rounds) {
    const name = [...(names.get(block.id) ?? block.id)];
    const short = name.length > 18 ? `${name.slice(0, 17).join('')}…` : name.join('');
    const wins = block.id === winner && block.round === rounds.length - 1;
    const fate = wins ? ` ✓ ${this.translator.t('wins')}` : block.out ? ` · ${this.translator.t('eliminated')}` : '';
    return `${short} ${this.translator.number(block.votes)}${fate}`;
  }

  /**
   * @param {import('./runoff_layout.js').Block} block
   * @param {string} text
   * @param {boolean} wins
   * @param {(along: number) => number} x
   * @param {boolean} mirrored
   */
  #told(block, text, wins, x, mirrored) {
    return draw('text', {
      class: `told${wins ? ' wins' : ''}`,
      x: x(block.round * this.column + BLOCK_WIDTH + BESIDE),
      y: HEAD + block.top + Math.min(block.height / 2 + 5, Math.max(12, block.height - 4)),
      'text-anchor': mirrored ? 'end' : 'start',
    }, [text]);
  }

  /** @param {import('./runoff_layout.js').Round[]} rounds @param {Map<string, string>} names @param {string | null} winner */
  #table(rounds, names, winner) {
    const { translator } = this;
    const heads = [translator.t('answer'), ...rounds.map((_, round) => translator.t('round', { n: round + 1 }))];
    const rows = [...names].map(([id, name]) => [name, ...rounds.map((round, place) => this.#cell(round, id, id === winner && place === rounds.length - 1))]);
    return table(translator.t('roundsTable'), heads, rows);
  }

  /** @param {import('./runoff_layout.js').Round} round @param {string} id @param {boolean} wins */
  #cell(round, id, wins) {
    const votes = id === EXHAUSTED ? round.exhausted : round.counts[id];
    if (votes === undefined) return '–';
    const fate = wins ? ` ✓ ${this.translator.t('wins')}` : round.eliminated === id ? ` · ${this.translator.t('eliminated')}` : '';
    return `${this.translator.number(votes)}${fate}`;
  }
}

/** Return the width of the longest text in the winner's bold font. @param {string[]} texts */
function widthOf(texts) {
  const pen = document.createElement('canvas').getContext('2d');
  if (!pen) return 0;
  pen.font = `750 14px ${getComputedStyle(byId('rounds-body')).fontFamily}`;
  return Math.max(0, ...texts.map((text) => pen.measureText(text).width));
}
