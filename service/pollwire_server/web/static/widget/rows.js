/**
 * The options as rows: an input while votes are taken, a mark afterwards, and a bar that moves.
 *
 * A row is made once for an option and kept through every update, so focus, a half-made choice and
 * the movement of its bar survive whatever arrives.
 */
import { make, write } from './dom.js';
import { showPicture } from './picture.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('./messages.js').WidgetWords} WidgetWords */
/** @typedef {{asking: boolean, poll: import('./model.js').Poll, voters: number, words: WidgetWords}} How */

/** Makes ids that are unique in any shadow root. */
let lastRow = 0;

class RowView {
  constructor() {
    const name = `row-${(lastRow += 1)}`;
    this.input = make('input', 'input');
    this.input.id = name;
    this.input.name = 'choice';
    this.label = make('label', 'label');
    this.label.htmlFor = name;
    this.label.dir = 'auto';
    this.tags = make('span', 'tags');
    this.votes = make('span', 'votes');
    this.share = make('span', 'share');
    this.numbers = make('span', 'numbers', [this.votes, this.share]);
    this.numbers.id = `${name}-numbers`;
    this.tags.id = `${name}-tags`;
    this.input.setAttribute('aria-describedby', `${this.tags.id} ${this.numbers.id}`);
    this.bar = make('span', 'bar');
    this.track = make('span', 'track', [this.bar]);
    const mark = make('span', 'mark', [this.input]);
    this.element = make('div', 'option', [mark, this.label, this.tags, this.numbers, this.track]);
  }

  /** @param {Row} row @param {How} how */
  update(row, { asking, poll, voters, words }) {
    const { input, element } = this;
    const type = poll.kind === 'multiple' ? 'checkbox' : 'radio';
    if (input.type !== type) input.type = type;
    input.value = row.id;
    input.hidden = !asking;
    input.disabled = !asking || row.full;
    if (row.full) input.checked = false;
    this.#role(asking);
    write(this.label, poll.options?.length ? row.label : labelOnScale(row.id, poll, words));
    this.label.lang = poll.lang ?? '';
    element.dataset.option = row.id;
    element.classList.toggle('is-mine', row.mine > 0 && !asking);
    element.classList.toggle('leads', row.leads);
    element.classList.toggle('came-true', row.cameTrue);
    element.classList.toggle('is-full', row.full && asking);
    showPicture(this.label, row.image);
    this.#tag(tagsOf(row, poll, words));
    this.#totals(row, poll, voters, words);
  }

  /** In the list of results a row is an item; among inputs it is nothing but a place. @param {boolean} asking */
  #role(asking) {
    if (asking) this.element.removeAttribute('role');
    else this.element.setAttribute('role', 'listitem');
  }

  /** @param {string[]} names */
  #tag(names) {
    if (this.tags.textContent === names.join('')) return;
    this.tags.replaceChildren(...names.map((name) => make('span', 'tag', [name])));
  }

  /** @param {Row} row @param {import('./model.js').Poll} poll @param {number} voters @param {WidgetWords} words */
  #totals(row, poll, voters, words) {
    this.numbers.hidden = this.track.hidden = row.votes === null;
    if (row.votes === null) return;
    write(this.votes, words.say(poll.kind === 'ranked' ? 'firstChoices' : 'votes', { n: row.votes }));
    write(this.share, words.share(row.votes, voters));
    this.bar.style.setProperty('--share', row.share.toFixed(5));
  }
}

/** @param {Row} row @param {import('./model.js').Poll} poll @param {WidgetWords} words */
function tagsOf(row, poll, words) {
  const own = poll.kind === 'ranked' ? words.say('yourPlace', { n: row.mine }) : words.say('yours');
  return [row.mine ? own : '', row.cameTrue ? words.say('cameTrue') : '', row.full ? words.say('full') : ''].filter(Boolean);
}

/** A value, and at the ends which end it is. @param {string} value @param {import('./model.js').Poll} poll @param {WidgetWords} words */
function labelOnScale(value, { scale }, words) {
  const n = Number(value);
  if (n === scale?.min) return words.say('lowest', { n });
  return n === scale?.max ? words.say('highest', { n }) : words.number(n);
}

export class Rows {
  /** @type {Map<string, RowView>} */
  #views = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
  }

  /** @param {Row[]} rows @param {How} how */
  update(rows, how) {
    if (how.asking) this.list.removeAttribute('role');
    else this.list.setAttribute('role', 'list');
    this.list.classList.toggle('is-plain', !how.asking && !rows.some((row) => row.mine));
    for (const [id, view] of this.#views) {
      if (rows.some((row) => row.id === id)) continue;
      view.element.remove();
      this.#views.delete(id);
    }
    rows.forEach((row, position) => {
      const view = this.#views.get(row.id) ?? new RowView();
      this.#views.set(row.id, view);
      view.update(row, how);
      if (this.list.children[position] !== view.element) this.list.insertBefore(view.element, this.list.children[position] ?? null);
    });
  }

  /** The ids that are ticked. */
  get chosen() {
    return [...this.#views].filter(([, view]) => view.input.checked).map(([id]) => id);
  }

  /** @param {string[]} ids */
  choose(ids) {
    for (const [id, view] of this.#views) view.input.checked = ids.includes(id);
  }

  focusFirst() {
    const views = [...this.#views.values()];
    (views.find((view) => view.input.checked) ?? views.find((view) => !view.input.disabled))?.input.focus();
  }
}
