/**
 * Ballot of ranked polls: a list with a divider. Options above the divider are ranked, best first.
 *
 * The order of the elements is the only copy of the ranking. Voters press options in order of preference, drag
 * a handle (mouse, finger, pen), use the buttons of each row, or press the arrow keys. Every move is announced.
 * Few polls are ranked, so the widget loads this module on demand.
 */
import { ranking as texts } from '../i18n/widget/en_on_demand.js';
import { bidiIsolate, createElement, setText } from './dom.js';
import { updatePicture } from './picture.js';

export { styles } from './ranking_styles.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('./messages.js').WidgetTranslator} WidgetTranslator */
/** @typedef {import('../i18n/i18n.js').Translator<typeof import('../i18n/widget/en.js').default & typeof texts>} RankingTranslator */

class RankedRow {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    this.toggle = rowButton('place');
    this.label = createElement('span', 'label');
    this.label.dir = 'auto';
    this.up = rowButton('move up');
    this.down = rowButton('move down');
    this.grip = createElement('span', 'grip');
    // Without this the browser takes a quick drag for a flick and swallows the next tap.
    this.grip.addEventListener('touchstart', (event) => event.preventDefault(), { passive: false });
    this.element = createElement('li', 'option', [this.toggle, this.label, this.up, this.down, this.grip]);
    this.element.dataset.option = id;
  }

  /** Show the rank. @param {number} rank from 1; 0 below the divider @param {RankingTranslator} translator */
  update(rank, translator) {
    const label = bidiIsolate(this.label.textContent ?? '');
    setText(this.toggle, rank ? translator.number(rank) : '+');
    const action = translator.t(rank ? 'unrank' : 'rank', { label });
    this.toggle.setAttribute('aria-label', rank ? `${translator.number(rank)}. ${action}` : action); // the name contains the visible text
    this.up.setAttribute('aria-label', translator.t('moveUp', { label }));
    this.down.setAttribute('aria-label', translator.t('moveDown', { label }));
    this.up.setAttribute('aria-disabled', String(rank === 1));
    this.down.setAttribute('aria-disabled', String(!rank));
    this.element.classList.toggle('is-ranked', rank > 0);
  }
}

export class Ranking {
  /** @type {Map<string, RankedRow>} */
  #rows = new Map();
  /** @type {RankingTranslator | null} */
  #translator = null;

  /** @param {(text: string) => void} announce */
  constructor(announce) {
    this.announce = announce;
    this.divider = createElement('li', 'line');
    this.list = createElement('ol', 'ranking', [this.divider]);
    this.list.setAttribute('role', 'list');
    this.list.addEventListener('click', (event) => this.#onClick(event));
    this.list.addEventListener('keydown', (event) => this.#onKeyDown(event));
    this.list.addEventListener('pointerdown', (event) => this.#startDrag(event));
  }

  /** @param {Row[]} rows @param {import('./model.js').Poll} poll @param {WidgetTranslator} translator */
  update(rows, poll, translator) {
    if (this.#translator !== /** @type {any} */ (translator)) this.#translator = translator.extend(texts);
    setText(this.divider, this.#translator.t('unranked'));
    for (const [id, row] of this.#rows) {
      if (rows.some((other) => other.id === id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    for (const { id, label, image } of rows) {
      const row = this.#rows.get(id) ?? this.#add(id);
      setText(row.label, label);
      row.label.lang = poll.lang ?? '';
      updatePicture(row.label, image);
    }
    this.#updateRanks();
  }

  /** The instructions for the voter. */
  get hint() {
    return this.#translator?.t('rankHint') ?? '';
  }

  /** The message for an empty ranking. */
  get errorText() {
    return this.#translator?.t('chooseRanking') ?? '';
  }

  /** The ranked ids, best first. */
  get selected() {
    return this.#orderedRows.slice(0, this.#rankedCount).map((row) => row.id);
  }

  /** Rank these options, best first. @param {string[]} ids @param {unknown} [_choice] */
  select(ids, _choice) {
    const rows = ids.map((id) => this.#rows.get(id)?.element ?? '');
    const others = [...this.#rows.values()].map((row) => row.element).filter((element) => !rows.includes(element));
    this.list.replaceChildren(...rows, this.divider, ...others);
    this.#updateRanks();
  }

  focusFirst() {
    this.#orderedRows[0]?.toggle.focus();
  }

  get #orderedRows() {
    return /** @type {RankedRow[]} */ ([...this.list.children].map((element) => this.#rowOf(element)).filter(Boolean));
  }

  get #rankedCount() {
    return [...this.list.children].indexOf(this.divider);
  }

  /** @param {string} id */
  #add(id) {
    const row = new RankedRow(id);
    this.#rows.set(id, row);
    this.list.append(row.element);
    return row;
  }

  /** @param {EventTarget | null} target */
  #rowOf(target) {
    const element = target instanceof Element ? target.closest('li') : null;
    return this.#rows.get(element?.dataset.option ?? '') ?? null;
  }

  #updateRanks() {
    const rankedCount = this.#rankedCount;
    if (this.#translator) for (const [index, row] of this.#orderedRows.entries()) row.update(index < rankedCount ? index + 1 : 0, this.#translator);
  }

  /** @param {RankedRow} row */
  #indexOf(row) {
    return [...this.list.children].indexOf(row.element);
  }

  /** Move a row before another element of the list, or to its end. @param {RankedRow} row @param {Element | null} next */
  #move(row, next) {
    this.list.insertBefore(row.element, next);
    this.#updateRanks();
  }

  /** Move a row one step up or down. Crossing the divider is one step. @param {RankedRow} row @param {number} step */
  #step(row, step) {
    const index = this.#indexOf(row);
    const rankedCount = this.#rankedCount;
    if (step < 0 && index > rankedCount) this.#moveAndAnnounce(row, this.divider);
    else if (step < 0 && index > 0) this.#moveAndAnnounce(row, this.list.children[index - 1]);
    else if (step > 0 && index < rankedCount) this.#moveAndAnnounce(row, this.list.children[index + 2] ?? null);
  }

  /** Move a row, keep the focus, and announce the new rank. @param {RankedRow} row @param {Element | null} next */
  #moveAndAnnounce(row, next) {
    const root = /** @type {ShadowRoot} */ (this.list.getRootNode());
    const focused = /** @type {HTMLElement | null} */ (root.activeElement);
    this.#move(row, next);
    focused?.focus();
    this.#announceRank(row);
  }

  /** @param {RankedRow} row */
  #announceRank(row) {
    const index = this.#indexOf(row);
    const label = bidiIsolate(row.label.textContent ?? '');
    if (!this.#translator) return;
    const ranked = index < this.#rankedCount;
    this.announce(this.#translator.t(ranked ? 'rankedAt' : 'notRanked', { label, n: index + 1, all: this.#rows.size }));
  }

  /** @param {Event} event */
  #onClick({ target }) {
    const row = this.#rowOf(target);
    if (!row) return;
    const ranked = this.#indexOf(row) < this.#rankedCount;
    if (target === row.up) this.#step(row, -1);
    else if (target === row.down) this.#step(row, 1);
    else if (target === row.toggle && ranked) this.#moveAndAnnounce(row, this.divider.nextElementSibling);
    else if (!ranked) this.#moveAndAnnounce(row, this.divider);
  }

  /** @param {KeyboardEvent} event */
  #onKeyDown(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const row = this.#rowOf(event.target);
    if (!step || !row) return;
    event.preventDefault();
    this.#step(row, step);
  }

  /** @param {PointerEvent} event */
  #startDrag(event) {
    const row = this.#rowOf(event.target);
    if (!row || event.target !== row.grip || event.button > 0) return;
    event.preventDefault();
    const { element, grip } = row;
    const grabOffset = event.clientY - element.getBoundingClientRect().top;
    const drag = (/** @type {PointerEvent} */ { clientY }) => {
      element.style.translate = '';
      const others = [...this.list.children].filter((other) => other !== element);
      const next = others.find((other) => clientY < middleOf(other)) ?? null;
      if (next !== element.nextElementSibling) this.#move(row, next);
      element.style.translate = `0 ${clientY - grabOffset - element.getBoundingClientRect().top}px`;
    };
    const drop = () => {
      for (const [name, listener] of listeners) removeEventListener(name, listener);
      element.style.translate = '';
      element.classList.remove('is-dragged');
      this.#announceRank(row);
    };
    /** @type {[string, any][]} */
    const listeners = [['pointermove', drag], ['pointerup', drop], ['pointercancel', drop]];
    // listeners of the window, because the row itself moves in the tree
    for (const [name, listener] of listeners) addEventListener(name, listener);
    element.classList.add('is-dragged');
    grip.releasePointerCapture?.(event.pointerId);
  }
}

/** @param {string} names */
function rowButton(names) {
  const button = createElement('button', names);
  button.type = 'button';
  return button;
}

/** @param {Element} element */
function middleOf(element) {
  const { top, height } = element.getBoundingClientRect();
  return top + height / 2;
}
