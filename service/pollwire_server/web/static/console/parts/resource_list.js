/**
 * A list of things that come and go (keys, sites, webhooks): fetched a page at a time, shown as a table, struck off.
 */
import { ask, withQuery } from '../api.js';
import { button, el, put } from '../dom.js';
import { t } from '../i18n.js';
import { sentenceOf } from './toast.js';

const A_PAGE = 50;

/**
 * @template Item
 * @typedef {object} About
 * @property {string} path
 * @property {[string, (item: Item) => import('../dom.js').Child][]} columns heading and cell; the first names the row
 * @property {(item: Item) => HTMLElement | null} tool
 * @property {string} none
 */

/** @template Item */
export class Roster {
  element = el('div', { class: 'roster' });

  /** @param {About<Item>} about */
  constructor(about) {
    this.about = about;
  }

  async load() {
    try {
      const page = await ask(withQuery(this.about.path, { limit: A_PAGE }));
      this.#draw(page.items, page.next);
    } catch (error) {
      put(this.element, el('p', { class: 'error' }, sentenceOf(error)), button(t.again, () => this.load()));
    }
  }

  /** @param {Item[]} items @param {string | null} next */
  #draw(items, next) {
    if (items.length === 0) return put(this.element, el('p', { class: 'empty' }, this.about.none));
    const head = el('tr', {}, ...this.about.columns.map(([name]) => el('th', { scope: 'col' }, name)), el('td', {}));
    const body = el('tbody', {}, ...items.map((item) => this.#row(item)));
    put(this.element, el('table', { class: 'roster-table' }, el('thead', {}, head), body), next && this.#more(items, next));
  }

  /** @param {Item[]} items @param {string} cursor */
  #more(items, cursor) {
    return button(t.more, async () => {
      const page = await ask(withQuery(this.about.path, { limit: A_PAGE, cursor }));
      this.#draw([...items, ...page.items], page.next);
    }, { class: 'button small' });
  }

  /** @param {Item} item */
  #row(item) {
    const [[, first], ...rest] = this.about.columns;
    return el('tr', {}, el('th', { scope: 'row' }, first(item)), ...rest.map(([name, cell]) => el('td', { 'data-name': name }, cell(item))), el('td', { class: 'tool' }, this.about.tool(item)));
  }
}

/** The head of such a room. @param {HTMLElement} place @param {string} title @param {string} lead @param {HTMLElement | null} make @param {HTMLElement} list */
export function rosterPage(place, title, lead, make, list) {
  put(place, el('div', { class: 'head' }, el('h1', {}, title), el('div', { class: 'push' }, make)), el('p', { class: 'lead' }, lead), list);
}

/** A room that the key does not open. @param {HTMLElement} place @param {string} title */
export function closedRoom(place, title) {
  put(place, el('h1', {}, title), el('p', { class: 'empty' }, t.needs('keys:write')));
  return { title };
}
