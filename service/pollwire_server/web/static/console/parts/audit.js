/**
 * Audit log of a poll, newest first, in pages.
 */
import { request, pollPath, withQuery } from '../api.js';
import { button, el, isolated, setChildren } from '../dom.js';
import { formatDateTime, formatShortDateTime } from '../date_format.js';
import { t } from '../i18n.js';
import { errorMessage } from './toast.js';

/** @typedef {import('../types.js').AuditEntry} AuditEntry */

const PAGE_SIZE = 10;
const HIDDEN_FIELDS = ['version', 'phase'];
const MAX_LENGTH = 120;

export class Audit {
  #list = el('ol', { class: 'audit' });
  #more = el('div', { class: 'buttons start' });
  element = el('section', { class: 'card' }, el('h2', {}, t.audit.heading), el('p', { class: 'hint' }, t.audit.hint), this.#list, this.#more);
  #reading = 0;

  /** @param {string} id */
  constructor(id) {
    this.id = id;
  }

  /** Load the newest page. */
  async load() {
    const reading = (this.#reading += 1);
    const page = await this.#page(null);
    if (page && reading === this.#reading) this.#show(page, true);
  }

  /** @param {string | null} cursor */
  async #page(cursor) {
    try {
      return await request(withQuery(pollPath(this.id, 'audit'), { limit: PAGE_SIZE, cursor }));
    } catch (error) {
      setChildren(this.#more, el('p', { class: 'error' }, errorMessage(error)));
      return null;
    }
  }

  /** @param {{items: AuditEntry[], next: string | null}} page @param {boolean} replace */
  #show(page, replace) {
    if (replace) setChildren(this.#list);
    this.#list.append(...page.items.map(entryOf));
    const more = button(t.showMore, async () => {
      more.disabled = true;
      const next = await this.#page(page.next);
      if (next) this.#show(next, false);
    }, { class: 'button small' });
    setChildren(this.#more, page.next && more, !this.#list.children.length && el('p', { class: 'quiet' }, t.audit.none));
  }
}

/** @param {AuditEntry} entry */
function entryOf({ at, by, act, before, after }) {
  const changes = changesOf(before, after);
  const version = after?.version && t.audit.version(after.version);
  return el('li', { 'data-act': act },
    el('div', { class: 'audit-action' }, el('b', {}, t.audit.actions[act] ?? act), ' ', isolated(by), version && el('small', {}, ` ${version}`)),
    el('time', { datetime: at, title: formatDateTime(at, 'UTC') }, formatShortDateTime(at)),
    changes.length > 0 && el('dl', {}, ...changes));
}

/** @param {Record<string, any> | null} before @param {Record<string, any> | null} after */
function changesOf(before, after) {
  if (!before || !after) return [];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((name) => !HIDDEN_FIELDS.includes(name) && JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  const phase = before.phase !== after.phase ? [el('dt', {}, t.list.phase), el('dd', {}, t.phases[before.phase] ?? before.phase, ' → ', t.phases[after.phase] ?? after.phase)] : [];
  return [...phase, ...names.flatMap((name) => [el('dt', {}, el('code', {}, name)), el('dd', {}, isolated(formatValue(before[name])), ' → ', isolated(formatValue(after[name])))])];
}

/** Format a value of the log. @param {any} value @returns {string} */
export function formatValue(value) {
  if (value === null || value === undefined || value === '') return '–';
  if (Array.isArray(value) && value.every((item) => item && typeof item === 'object' && 'label' in item)) return cut(value.map(({ label }) => label).join(', '));
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT.*Z$/.test(value)) return formatDateTime(value);
  return cut(typeof value === 'string' ? value : JSON.stringify(value));
}

/** @param {string} text */
function cut(text) {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
