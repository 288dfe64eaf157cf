/**
 * The options as rows: an input while votes are taken, a mark afterwards, and a bar that moves.
 *
 * A row is made once for an option and kept through every update, so focus, a half-made choice and
 * the movement of its bar survive whatever arrives.
 */
import { make, write } from './build.js';
import { share, texts } from './words.js';

/** @typedef {import('./model.js').Row} Row */

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
    this.input.setAttribute('aria-describedby', this.numbers.id);
    this.bar = make('span', 'bar');
    this.track = make('span', 'track', [this.bar]);
    const mark = make('span', 'mark', [this.input]);
    this.element = make('div', 'option', [mark, this.label, this.tags, this.numbers, this.track]);
  }

  /** @param {Row} row @param {number} voters @param {{asking: boolean, several: boolean, lang: string}} how */
  update(row, voters, { asking, several, lang }) {
    const { input, element } = this;
    const type = several ? 'checkbox' : 'radio';
    if (input.type !== type) input.type = type;
    input.value = row.id;
    input.hidden = input.disabled = !asking;
    this.#role(asking);
    write(this.label, row.label);
    this.label.lang = lang;
    element.dataset.option = row.id;
    element.classList.toggle('is-mine', row.mine && !asking);
    element.classList.toggle('leads', row.leads);
    this.#picture(row.image);
    this.#tag([row.mine ? texts.yours : '', row.cameTrue ? texts.outcome : ''].filter(Boolean));
    this.#totals(row, voters);
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

  /** @param {Row} row @param {number} voters */
  #totals(row, voters) {
    const hidden = row.votes === null;
    this.numbers.hidden = this.track.hidden = hidden;
    if (row.votes === null) return;
    write(this.votes, texts.votes(row.votes));
    write(this.share, share(row.votes, voters));
    this.bar.style.setProperty('--share', row.share.toFixed(5));
  }

  /** A picture that is missing or broken leaves no trace. @param {string | null} address */
  #picture(address) {
    const shown = this.element.querySelector('img');
    if (shown?.dataset.address === (address ?? undefined)) return;
    shown?.remove();
    if (!address) return;
    const picture = make('img', 'picture');
    picture.alt = '';
    picture.loading = 'lazy';
    picture.dataset.address = address;
    picture.onerror = () => picture.classList.add('is-broken');
    picture.src = address;
    this.label.before(picture);
  }
}

export class Rows {
  /** @type {Map<string, RowView>} */
  #views = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
  }

  /** @param {Row[]} rows @param {number} voters @param {{asking: boolean, several: boolean, lang: string}} how */
  update(rows, voters, how) {
    if (how.asking) this.list.removeAttribute('role');
    else this.list.setAttribute('role', 'list');
    this.list.classList.toggle('is-plain', !how.asking && !rows.some((row) => row.mine));
    this.#keepOnly(new Set(rows.map((row) => row.id)));
    rows.forEach((row, position) => {
      const view = this.#views.get(row.id) ?? this.#add(row.id);
      view.update(row, voters, how);
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
    const [first] = this.#views.values();
    first?.input.focus();
  }

  /** @param {string} id */
  #add(id) {
    const view = new RowView();
    this.#views.set(id, view);
    return view;
  }

  /** @param {Set<string>} ids */
  #keepOnly(ids) {
    for (const [id, view] of this.#views) {
      if (ids.has(id)) continue;
      view.element.remove();
      this.#views.delete(id);
    }
  }
}
