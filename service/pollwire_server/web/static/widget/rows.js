/**
 * Rows of options. A row has an input while voting, a check mark afterwards, and a bar for its share.
 *
 * Each option's row is created once and updated in place, so that updates do not disturb focus, an unfinished
 * choice, or the animation of the bar.
 */
import { createElement, setText } from './dom.js';
import { updatePicture } from './picture.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('./messages.js').WidgetTranslator} WidgetTranslator */
/** @typedef {{editable: boolean, poll: import('./model.js').Poll, translator: WidgetTranslator}} RowContext */

/** Makes the ids unique. */
let rowCount = 0;

class RowView {
  constructor() {
    const name = `row-${(rowCount += 1)}`;
    this.input = createElement('input', 'input');
    this.input.id = name;
    this.input.name = 'choice';
    this.label = createElement('label', 'label');
    this.label.htmlFor = name;
    this.label.dir = 'auto';
    this.tags = createElement('span', 'tags');
    this.votes = createElement('span', 'votes');
    this.share = createElement('span', 'share');
    this.numbers = createElement('span', 'numbers', [this.votes, this.share]);
    this.numbers.id = `${name}-numbers`;
    this.tags.id = `${name}-tags`;
    this.input.setAttribute('aria-describedby', `${this.tags.id} ${this.numbers.id}`);
    this.bar = createElement('span', 'bar');
    this.track = createElement('span', 'track', [this.bar]);
    const mark = createElement('span', 'mark', [this.input]);
    this.element = createElement('div', 'option', [mark, this.label, this.tags, this.numbers, this.track]);
  }

  /** @param {Row} row @param {RowContext} context */
  update(row, { editable, poll, translator }) {
    const { input, element } = this;
    const type = poll.kind === 'multiple' ? 'checkbox' : 'radio';
    if (input.type !== type) input.type = type;
    input.value = row.id;
    input.hidden = !editable;
    input.disabled = !editable || row.isFull;
    if (row.isFull) input.checked = false;
    this.#updateRole(editable);
    setText(this.label, poll.options?.length ? row.label : scaleLabel(row.id, poll, translator));
    this.label.lang = poll.lang ?? '';
    element.dataset.option = row.id;
    element.classList.toggle('is-own-vote', row.ownRank > 0 && !editable);
    element.classList.toggle('is-leading', row.isLeading);
    element.classList.toggle('is-correct', row.isCorrect);
    element.classList.toggle('is-full', row.isFull && editable);
    updatePicture(this.label, row.image);
    this.#updateTags(tagTexts(row, poll, translator));
    this.#updateTotals(row, poll, translator);
  }

  /** A row is a list item, unless it contains an input. @param {boolean} editable */
  #updateRole(editable) {
    if (editable) this.element.removeAttribute('role');
    else this.element.setAttribute('role', 'listitem');
  }

  /** @param {string[]} names */
  #updateTags(names) {
    if (this.tags.textContent === names.join('')) return;
    this.tags.replaceChildren(...names.map((name) => createElement('span', 'tag', [name])));
  }

  /** @param {Row} row @param {import('./model.js').Poll} poll @param {WidgetTranslator} translator */
  #updateTotals(row, poll, translator) {
    this.numbers.hidden = this.track.hidden = row.votes === null;
    if (row.votes === null) return;
    setText(this.votes, translator.t(poll.kind === 'ranked' ? 'firstChoices' : 'votes', { n: row.votes }));
    setText(this.share, translator.percent(row.roundedShare, row.digits));
    this.bar.style.setProperty('--share', row.share.toFixed(5));
  }
}

/** @param {Row} row @param {import('./model.js').Poll} poll @param {WidgetTranslator} translator */
function tagTexts(row, poll, translator) {
  const own = poll.kind === 'ranked' ? translator.t('yourRank', { n: row.ownRank }) : translator.t('yourVote');
  const forecast = row.ownProbability === null ? '' : `${translator.t('yourVote')}: ${translator.percent(row.ownProbability, 1)}`;
  return [row.ownRank ? own : forecast, row.isCorrect ? translator.t('correctOutcome') : '', row.isFull ? translator.t('full') : ''].filter(Boolean);
}

/** Return the label of a value, with a note at both ends of the scale. @param {string} value @param {import('./model.js').Poll} poll @param {WidgetTranslator} translator */
function scaleLabel(value, { scale }, translator) {
  const n = Number(value);
  if (n === scale?.min) return translator.t('lowest', { n });
  return n === scale?.max ? translator.t('highest', { n }) : translator.number(n);
}

export class Rows {
  /** @type {Map<string, RowView>} */
  #views = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
  }

  /** @param {Row[]} rows @param {RowContext} context */
  update(rows, context) {
    if (context.editable) this.list.removeAttribute('role');
    else this.list.setAttribute('role', 'list');
    this.list.classList.toggle('is-plain', !context.editable && !rows.some((row) => row.ownRank));
    for (const [id, view] of this.#views) {
      if (rows.some((row) => row.id === id)) continue;
      view.element.remove();
      this.#views.delete(id);
    }
    rows.forEach((row, position) => {
      const view = this.#views.get(row.id) ?? new RowView();
      this.#views.set(row.id, view);
      view.update(row, context);
      if (this.list.children[position] !== view.element) this.list.insertBefore(view.element, this.list.children[position] ?? null);
    });
  }

  /** The ids of the checked options. */
  get selected() {
    return [...this.#views].filter(([, view]) => view.input.checked).map(([id]) => id);
  }

  /** Check these options only. @param {string[]} ids @param {unknown} [_choice] */
  select(ids, _choice) {
    for (const [id, view] of this.#views) view.input.checked = ids.includes(id);
  }

  focusFirst() {
    const views = [...this.#views.values()];
    (views.find((view) => view.input.checked) ?? views.find((view) => !view.input.disabled))?.input.focus();
  }
}
