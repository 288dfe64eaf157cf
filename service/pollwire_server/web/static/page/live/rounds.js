/**
 * Rounds of a ranked poll, as a diagram of transferred votes and as a table.
 *
 * Only results over HTTP contain the rounds, because they would make every frame larger. They are read again after
 * a change of the results, at most every few seconds.
 */
import { byId, createElement, createSvgElement, createTable, fetchJson, throttle } from './dom.js';
import { EXHAUSTED, computeRunoffLayout } from './runoff_layout.js';
import { tieSentences } from './ties.js';

/** @typedef {import('../../widget/model.js').State} State */

const LOAD_INTERVAL_MS = 3000;
const MIN_COLUMN_WIDTH = 150;
const BLOCK_WIDTH = 12;
const HEIGHT = 260;
const GAP = 26;
const HEADER_HEIGHT = 30;
/** Gaps before and after the text of a block. */
const [LABEL_GAP, LABEL_END_GAP] = [8, 14];

export class Rounds {
  /** Position (epoch, seq and labels) of the last read. */
  position = '';
  /** @type {State | null} */
  state = null;
  column = MIN_COLUMN_WIDTH;
  /** Draws the rounds again, for a new width. */
  redraw = () => {};

  /** @param {import('./i18n.js').PageTranslator} translator @param {(rounds: import('./runoff_layout.js').Round[]) => void} onLoad */
  constructor(translator, onLoad) {
    this.translator = translator;
    this.onLoad = onLoad;
    this.load = throttle(LOAD_INTERVAL_MS, () => this.#load());
    const resized = throttle(200, () => this.redraw());
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
    const isShown = poll?.kind === 'ranked' && !trouble && Boolean(results) && !results?.hidden && results?.phase !== 'scheduled';
    byId('rounds').hidden = !isShown;
    if (!isShown || !results) return;
    this.state = state;
    const position = `${results.epoch} ${results.seq} ${poll.options?.map(({ label }) => label).join()}`;
    if (position === this.position) return;
    this.position = position;
    this.load();
  }

  async #load() {
    const poll = this.state?.poll;
    if (!poll) return;
    const { status, document } = await fetchJson(`polls/${encodeURIComponent(poll.id)}/results`);
    if (status !== 200) {
      this.position = ''; // the next frame causes another read
      return;
    }
    const rounds = document.rounds ?? [];
    this.redraw = () => {
      byId('rounds-body').replaceChildren(...(rounds.length ? this.#content(poll, rounds, document.winner) : [createElement('p', 'hint', [this.translator.t('noVotesToCount')])]));
    };
    this.redraw();
    this.onLoad(rounds);
  }

  /** @param {import('../../client/types.js').Poll} poll @param {import('./runoff_layout.js').Round[]} rounds @param {string | null} winner */
  #content(poll, rounds, winner) {
    const names = new Map((poll.options ?? []).map(({ id, label }) => [id, label]));
    names.set(EXHAUSTED, this.translator.t('exhausted'));
    const diagram = createElement('div', 'diagram-scroll', [this.#diagram(rounds, names, winner)]);
    diagram.tabIndex = 0;
    diagram.setAttribute('role', 'group');
    diagram.setAttribute('aria-labelledby', 'rounds-title');
    const scroller = createElement('div', 'table-scroll', [this.#table(rounds, names, winner)]);
    scroller.tabIndex = 0;
    scroller.setAttribute('role', 'group');
    scroller.setAttribute('aria-label', this.translator.t('roundsTable'));
    const sentences = tieSentences(this.translator, rounds, names, poll.tie_seed);
    return [...sentences.map((text) => createElement('p', 'tie', [text])), diagram, scroller];
  }

  /** @param {import('./runoff_layout.js').Round[]} rounds @param {Map<string, string>} names @param {string | null} winner */
  #diagram(rounds, names, winner) {
    const order = [...names.keys()].filter((id) => id !== EXHAUSTED);
    const { blocks, bands, height } = computeRunoffLayout(rounds, order, { height: HEIGHT, gap: GAP });
    const available = byId('rounds-body').clientWidth;
    const texts = blocks.map((block) => this.#textOf(block, names, winner, rounds));
    const widest = Math.ceil(BLOCK_WIDTH + LABEL_GAP + LABEL_END_GAP + maxTextWidth(texts));
    this.column = Math.max(MIN_COLUMN_WIDTH, widest, (available - widest) / Math.max(1, rounds.length - 1));
    const width = this.column * (rounds.length - 1) + widest;
    const mirrored = this.translator.direction === 'rtl';
    const x = (/** @type {number} */ offset) => (mirrored ? width - offset : offset);
    const colorOf = new Map(order.map((id, at) => [id, at % 6]));
    const colorClass = (/** @type {string} */ id) => (id === EXHAUSTED ? 'exhausted' : `f${colorOf.get(id)}`);
    const headers = rounds.map((_, round) => createSvgElement('text', { class: 'header', x: x(round * this.column), y: 14, 'text-anchor': mirrored ? 'end' : 'start' }, [this.translator.t('round', { n: round + 1 })]));
    const bandPaths = bands.map((band) => createSvgElement('path', { class: `band ${colorClass(band.id)}${band.isTransfer ? ' transfer' : ''}`, d: this.#band(band, x) }));
    const bars = blocks.map((block) => createSvgElement('rect', {
      class: `block ${colorClass(block.id)}`,
      x: Math.min(x(block.round * this.column), x(block.round * this.column + BLOCK_WIDTH)),
      y: HEADER_HEIGHT + block.top,
      width: BLOCK_WIDTH,
      height: block.height,
      rx: Math.min(3, block.height / 2),
    }));
    const labels = blocks.map((block, at) => this.#label(block, texts[at], block.id === winner && block.round === rounds.length - 1, x, mirrored));
    return createSvgElement('svg', { class: 'runoff', role: 'img', 'aria-label': this.translator.t('roundsChart'), viewBox: `0 0 ${width} ${HEADER_HEIGHT + height + 6}`, width, height: HEADER_HEIGHT + height + 6 }, [...bandPaths, ...bars, ...headers, ...labels]);
  }

  /** @param {import('./runoff_layout.js').Band} band @param {(offset: number) => number} x */
  #band({ from, start, end, height }, x) {
    const left = x(from * this.column + BLOCK_WIDTH);
    const right = x((from + 1) * this.column);
    const middle = (left + right) / 2;
    const [a, b] = [HEADER_HEIGHT + start, HEADER_HEIGHT + end];
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
    const result = wins ? ` ✓ ${this.translator.t('wins')}` : block.isEliminated ? ` · ${this.translator.t('eliminated')}` : '';
    return `${short} ${this.translator.number(block.votes)}${result}`;
  }

  /**
   * @param {import('./runoff_layout.js').Block} block
   * @param {string} text
   * @param {boolean} wins
   * @param {(offset: number) => number} x
   * @param {boolean} mirrored
   */
  #label(block, text, wins, x, mirrored) {
    return createSvgElement('text', {
      class: `block-label${wins ? ' wins' : ''}`,
      x: x(block.round * this.column + BLOCK_WIDTH + LABEL_GAP),
      y: HEADER_HEIGHT + block.top + Math.min(block.height / 2 + 5, Math.max(12, block.height - 4)),
      'text-anchor': mirrored ? 'end' : 'start',
    }, [text]);
  }

  /** @param {import('./runoff_layout.js').Round[]} rounds @param {Map<string, string>} names @param {string | null} winner */
  #table(rounds, names, winner) {
    const { translator } = this;
    const headers = [translator.t('answer'), ...rounds.map((_, round) => translator.t('round', { n: round + 1 }))];
    const rows = [...names].map(([id, name]) => [name, ...rounds.map((round, index) => this.#cell(round, id, id === winner && index === rounds.length - 1))]);
    return createTable(translator.t('roundsTable'), headers, rows);
  }

  /** @param {import('./runoff_layout.js').Round} round @param {string} id @param {boolean} wins */
  #cell(round, id, wins) {
    const votes = id === EXHAUSTED ? round.exhausted : round.counts[id];
    if (votes === undefined) return '–';
    const result = wins ? ` ✓ ${this.translator.t('wins')}` : round.eliminated === id ? ` · ${this.translator.t('eliminated')}` : '';
    return `${this.translator.number(votes)}${result}`;
  }
}

/** Return the width of the longest text in the winner's bold font. @param {string[]} texts */
function maxTextWidth(texts) {
  const context = document.createElement('canvas').getContext('2d');
  if (!context) return 0;
  context.font = `750 14px ${getComputedStyle(byId('rounds-body')).fontFamily}`;
  return Math.max(0, ...texts.map((text) => context.measureText(text).width));
}
