/**
 * Paginated table of resources (API keys, issuers, webhooks).
 */
import { request, withQuery } from '../api.js';
import { button, el, setChildren } from '../dom.js';
import { t } from '../i18n.js';
import { errorMessage } from './toast.js';

const PAGE_SIZE = 50;

/**
 * @template Item
 * @typedef {object} About
 * @property {string} path
 * @property {[string, (item: Item) => import('../dom.js').Child][]} columns heading and cell; the first names the row
 * @property {(item: Item) => HTMLElement | null} tool
 * @property {string} none
 */

/** @template Item */
export class ResourceList {
  element = el('div', { class: 'resource-list' });

  /** @param {About<Item>} about */
  constructor(about) {
    this.about = about;
  }

  async load() {
    try {
      const page = await request(withQuery(this.about.path, { limit: PAGE_SIZE }));
      this.#draw(page.items, page.next);
    } catch (error) {
      setChildren(this.element, el('p', { class: 'error' }, errorMessage(error)), button(t.tryAgain, () => this.load()));
    }
  }

  /** @param {Item[]} items @param {string | null} next */
  #draw(items, next) {
    if (items.length === 0) return setChildren(this.element, el('p', { class: 'empty' }, this.about.none));
    const head = el('tr', {}, ...this.about.columns.map(([name]) => el('th', { scope: 'col' }, name)), el('td', {}));
    const body = el('tbody', {}, ...items.map((item) => this.#row(item)));
    setChildren(this.element, el('table', { class: 'resource-table' }, el('thead', {}, head), body), next && this.#more(items, next));
  }

  /** @param {Item[]} items @param {string} cursor */
  #more(items, cursor) {
    return button(t.showMore, async () => {
      const page = await request(withQuery(this.about.path, { limit: PAGE_SIZE, cursor }));
      this.#draw([...items, ...page.items], page.next);
    }, { class: 'button small' });
  }

  /** @param {Item} item */
  #row(item) {
    const [[, first], ...rest] = this.about.columns;
    return el('tr', {}, el('th', { scope: 'row' }, first(item)), ...rest.map(([name, cell]) => el('td', { 'data-name': name }, cell(item))), el('td', { class: 'tool' }, this.about.tool(item)));
  }
}

/** Draw a page with a heading and a list. @param {HTMLElement} place @param {string} title @param {string} lead @param {HTMLElement | null} make @param {HTMLElement} list */
export function resourcePage(place, title, lead, make, list) {
  setChildren(place, el('div', { class: 'head' }, el('h1', {}, title), el('div', { class: 'push' }, make)), el('p', { class: 'lead' }, lead), list);
}

/** Draw the page for a key without the scope. @param {HTMLElement} place @param {string} title @param {import('../session.js').Scope} scope */
export function forbiddenPage(place, title, scope) {
  setChildren(place, el('h1', {}, title), el('p', { class: 'empty' }, t.missingPermission(scope)));
  return { title };
}
