/**
 * List of polls with filters, pages and live results.
 *
 * The filters are part of the URL, so that bookmarks and the back button work.
 */
import { request, withQuery } from '../api.js';
import { button, el, isolated, setChildren, setText } from '../dom.js';
import { watchPolls } from '../live.js';
import { leaderText, strip } from '../parts/bars.js';
import { errorMessage } from '../parts/toast.js';
import { go, hashOf } from '../router.js';
import { session } from '../session.js';
import { formatShortDateTime } from '../date_format.js';
import { number, t } from '../i18n.js';

/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {import('../types.js').Results} Results */

const FILTERS = ['phase', 'kind', 'series', 'q'];
/** Not above the number of polls that one socket may watch. */
const PAGE_SIZE = 50;

/** @type {import('../console.js').View} */
export function pollsView(place, route, signal) {
  const query = Object.fromEntries(FILTERS.map((name) => [name, route.query.get(name) ?? '']));
  const connection = el('span', { class: 'connection', 'data-state': 'away' });
  const rows = el('div', { class: 'rows', 'aria-busy': 'true' }, el('p', { class: 'quiet' }, t.loading));
  place.append(head(connection), filters(query), rows);
  if (session.hasScopes('polls:read')) load(rows, connection, { ...query, cursor: route.query.get('cursor') ?? '' }, signal);
  else setChildren(rows, el('p', { class: 'empty' }, t.missingPermission('polls:read')));
  return { title: t.list.heading };
}

/** @param {HTMLElement} connection */
function head(connection) {
  const mayWrite = session.hasScopes('polls:write');
  const make = mayWrite ? el('a', { class: 'button primary', href: hashOf(['polls', 'new']) }, t.newPoll) : el('span', { class: 'quiet reason' }, t.missingPermission('polls:write'));
  return el('div', { class: 'head' }, el('h1', {}, t.list.heading), connection, el('div', { class: 'push' }, make));
}

/** @param {Record<string, string>} query */
function filters(query) {
  const phases = el('nav', { class: 'phases', 'aria-label': t.list.phase }, ...[['', t.list.all], ...Object.entries(t.phases)].map(([phase, text]) =>
    el('a', { href: hashOf([], { ...query, phase }), ...(phase === query.phase ? { 'aria-current': 'true' } : {}) }, text)));
  const kind = el('select', { name: 'kind', 'aria-label': t.list.kind }, el('option', { value: '' }, t.list.anyKind), ...Object.entries(t.kinds).map(([name, text]) => el('option', { value: name }, text)));
  kind.value = query.kind;
  const q = el('input', { type: 'search', name: 'q', value: query.q, placeholder: t.list.searchHint, 'aria-label': t.list.search, maxlength: '300' });
  const series = el('input', { type: 'text', name: 'series', value: query.series, placeholder: t.list.series, 'aria-label': t.list.series, class: 'narrow', maxlength: '64' });
  const form = el('form', { class: 'filters', role: 'search' }, q, kind, series, el('button', { class: 'button' }, t.list.find));
  const find = () => go([], { phase: query.phase, kind: kind.value, series: series.value.trim(), q: q.value.trim() });
  kind.addEventListener('change', find);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    find();
  });
  if (query.q || query.kind || query.series) form.append(el('a', { class: 'button plain', href: hashOf([], { phase: query.phase }) }, t.list.clear));
  return el('div', { class: 'filter-bar' }, phases, form);
}

/** @param {HTMLElement} rows @param {HTMLElement} connection @param {Record<string, string>} query @param {AbortSignal} signal */
async function load(rows, connection, query, signal) {
  try {
    const page = await request(withQuery('v1/admin/polls', { ...query, limit: PAGE_SIZE }));
    if (signal.aborted) return;
    show(rows, connection, page, query, signal);
  } catch (error) {
    if (!signal.aborted) setChildren(rows, el('div', { class: 'empty' }, el('p', { class: 'error' }, errorMessage(error)), button(t.tryAgain, () => load(rows, connection, query, signal))));
  }
  rows.removeAttribute('aria-busy');
}

/** @param {HTMLElement} rows @param {HTMLElement} connection @param {{items: Poll[], next: string | null}} page @param {Record<string, string>} query @param {AbortSignal} signal */
function show(rows, connection, page, query, signal) {
  if (page.items.length === 0) return setChildren(rows, emptyMessage(query));
  const rowsById = new Map(page.items.map((poll) => [poll.id, new Row(poll)]));
  const head = el('tr', {}, ...[t.list.poll, t.list.phase, t.list.schedule, t.list.voters, t.list.leading].map((text) => el('th', { scope: 'col' }, text)));
  setChildren(rows, el('table', { class: 'polls' }, el('thead', {}, head), el('tbody', {}, ...[...rowsById.values()].map((row) => row.element))), pager(page, query));
  if (!session.hasScopes('results:read')) return setText(connection, t.missingPermission('results:read'));
  watchPolls([...rowsById.keys()], {
    results: (results) => rowsById.get(results.poll)?.update(results),
    deleted: (poll) => rowsById.get(poll)?.element.remove(),
    connection: (state) => {
      connection.dataset.state = state;
      setText(connection, t.list[state]);
    },
  });
  signal.addEventListener('abort', () => watchPolls([], null));
}

/** @param {{items: Poll[], next: string | null}} page @param {Record<string, string>} query */
function pager(page, query) {
  const { cursor, ...rest } = query;
  return el('div', { class: 'pager' },
    el('span', { class: 'quiet' }, t.list.shown(page.items.length)),
    cursor && el('a', { class: 'button small', href: hashOf([], rest) }, t.backToNewest),
    page.next && el('a', { class: 'button small', href: hashOf([], { ...rest, cursor: page.next }) }, t.older));
}

/** @param {Record<string, string>} query */
function emptyMessage(query) {
  if (Object.values(query).some(Boolean)) return el('p', { class: 'empty' }, t.list.noMatch);
  const make = session.hasScopes('polls:write') && el('a', { class: 'button primary', href: hashOf(['polls', 'new']) }, t.newPoll);
  return el('div', { class: 'empty' }, el('h2', {}, t.list.none), el('p', {}, t.list.noneHint), make);
}

class Row {
  #voters = el('td', { class: 'number' });
  #leading = el('td', { class: 'leading' });
  #phase = el('td', { class: 'phase-cell' });
  #schedule = el('td', { class: 'schedule' });
  /** @type {Results | undefined} */
  #results;

  /** @param {Poll} poll */
  constructor(poll) {
    this.poll = poll;
    const link = el('a', { href: hashOf(['polls', poll.id]) }, isolated(poll.question, poll.lang));
    const sub = el('span', { class: 'sub' }, el('code', {}, poll.id), ' · ', t.kinds[poll.kind] ?? poll.kind, poll.series && ` · ${poll.series}`);
    this.element = el('tr', { 'data-poll': poll.id }, el('th', { scope: 'row' }, link, sub), this.#phase, this.#schedule, this.#voters, this.#leading);
    this.#draw();
  }

  /** @param {Results} results */
  update(results) {
    this.#results = results;
    this.poll = { ...this.poll, phase: results.phase, closes_at: results.closes_at };
    this.#draw();
  }

  #draw() {
    const { poll } = this;
    setChildren(this.#phase, pill(poll.phase));
    setChildren(this.#schedule, scheduleText(poll));
    const voters = this.#results?.voters;
    setChildren(this.#voters, voters === undefined ? '–' : number(voters), el('span', { class: 'unit' }, ` ${t.list.voters}`));
    setChildren(this.#leading, strip(poll, this.#results), leaderText(poll, this.#results));
  }
}

/** @param {string} phase */
export function pill(phase) {
  return el('span', { class: 'pill', 'data-phase': phase }, t.phases[phase] ?? phase);
}

/** @param {Poll} poll */
function scheduleText(poll) {
  if (poll.phase === 'scheduled') return t.list.opens(formatShortDateTime(poll.opens_at));
  if (!poll.closes_at) return poll.phase === 'open' ? t.list.noEndDate : '–';
  return (poll.phase === 'open' ? t.list.closes : t.list.closed)(formatShortDateTime(poll.closes_at));
}
