/**
 * Webhooks: which sites are told what happens to polls, how it goes, and the last messages to each.
 */
import { ask } from '../api.js';
import { button, el, own } from '../dom.js';
import { askFirst, show } from '../parts/dialog.js';
import { Fields } from '../parts/fields.js';
import { closedRoom, Roster, rosterPage } from '../parts/resource_list.js';
import { say, sentenceOf } from '../parts/toast.js';
import { showSecret } from '../parts/secret.js';
import { session } from '../session.js';
import { shortMoment } from '../date_format.js';
import { number, t } from '../i18n.js';

/**
 * @typedef {object} Webhook
 * @property {string} id
 * @property {string} url
 * @property {string[]} events
 * @property {string[] | null} polls
 * @property {string} status `active` or `disabled`
 * @property {string | null} disabled_reason
 * @property {number} waiting
 * @property {string | null} last_success_at
 * @property {string | null} last_failure_at
 * @property {string | null} last_error
 * @property {string} created_at
 *
 * @typedef {{at: string, type: string, poll: string | null, attempt: number, delivered: boolean, status: number | null, error: string | null}} Try
 */

const EVENTS = ['poll.opened', 'poll.progress', 'poll.closed', 'poll.resolved', 'poll.corrected', 'poll.canceled'];

/** @param {Webhook} webhook @param {string} [part] */
const pathOf = ({ id }, part = '') => `v1/admin/webhooks/${encodeURIComponent(id)}${part}`;

/** @type {import('../console.js').View} */
export function webhooksView(place) {
  if (!session.may('keys:write')) return closedRoom(place, t.webhooks);
  /** @type {Roster<Webhook>} */
  const roster = new Roster({
    path: 'v1/admin/webhooks',
    none: t.webhooksPage.none,
    columns: [
      [t.webhooksPage.url, ({ url }) => own(url)],
      [t.webhooksPage.events, ({ events }) => el('span', { class: 'scopes' }, ...events.map((event) => el('code', {}, event)))],
      [t.polls, ({ polls }) => (polls === null ? t.webhooksPage.every : el('span', { class: 'scopes' }, ...polls.map((poll) => el('code', {}, poll))))],
      [t.webhooksPage.state, stateOf],
      [t.webhooksPage.created, ({ created_at: at }) => shortMoment(at)],
    ],
    tool: (webhook) => tools(webhook, roster),
  });
  rosterPage(place, t.webhooks, t.webhooksPage.lead, button(t.webhooksPage.make, () => make(roster), { class: 'button primary' }), roster.element);
  roster.load();
  return { title: t.webhooks };
}

/** @param {Webhook} webhook */
function stateOf({ status, waiting, disabled_reason: why, last_success_at: reached, last_failure_at: failed, last_error: error }) {
  const active = status === 'active';
  return el('span', { class: 'lines' },
    el('span', { class: 'pill', 'data-phase': active ? 'open' : 'canceled' }, active ? t.webhooksPage.active : t.webhooksPage.givenUp),
    waiting > 0 && el('small', {}, t.webhooksPage.waiting(waiting)),
    reached && el('small', {}, t.webhooksPage.lastSuccess(shortMoment(reached))),
    failed && el('small', { title: error ?? '' }, t.webhooksPage.lastFailure(shortMoment(failed))),
    !active && why && el('small', { lang: 'en', dir: 'ltr' }, why));
}

/** @param {Webhook} webhook @param {Roster<Webhook>} roster */
function tools(webhook, roster) {
  const small = (/** @type {string} */ text, /** @type {string} */ name, /** @type {() => void} */ click) => button(text, click, { class: 'button small', 'aria-label': name });
  const { url } = webhook;
  return el('span', { class: 'buttons' },
    webhook.status !== 'active' && small(t.webhooksPage.enable, `${t.webhooksPage.enable}: ${url}`, () => enable(webhook, roster)),
    small(t.webhooksPage.test, t.webhooksPage.testOf(url), () => test(webhook, roster)),
    small(t.webhooksPage.tries, t.webhooksPage.triesOf(url), () => tries(webhook)),
    button(t.webhooksPage.remove, () => remove(webhook, roster), { class: 'button small grave', 'aria-label': t.webhooksPage.removeOf(url) }));
}

/** What is done at once, and told in passing. @param {() => Promise<string>} deed */
async function told(deed) {
  try {
    say(await deed());
  } catch (error) {
    say(sentenceOf(error));
  }
}

/** @param {Webhook} webhook @param {Roster<Webhook>} roster */
function enable(webhook, roster) {
  return told(async () => {
    await ask(pathOf(webhook, '/enable'), { method: 'POST' });
    roster.load();
    return t.webhooksPage.enabled;
  });
}

/** @param {Webhook} webhook @param {Roster<Webhook>} roster */
function test(webhook, roster) {
  return told(async () => {
    const { delivered, error, status } = await ask(pathOf(webhook, '/test'), { method: 'POST', long: true });
    roster.load();
    return delivered ? t.webhooksPage.reached : t.webhooksPage.failed(error ?? String(status));
  });
}

/** @param {Webhook} webhook */
async function tries(webhook) {
  /** @type {{items: Try[]}} */
  const { items } = await ask(pathOf(webhook, '/deliveries'));
  const columns = [t.poll.time, t.webhooksPage.event, t.list.poll, t.webhooksPage.attempt, t.webhooksPage.answer];
  const head = el('tr', {}, ...columns.map((text) => el('th', { scope: 'col' }, text)));
  const rows = items.map((one) => el('tr', {}, el('th', { scope: 'row' }, shortMoment(one.at)), el('td', {}, el('code', {}, one.type)), el('td', {}, one.poll ?? '–'), el('td', {}, number(one.attempt)), el('td', {}, `${one.delivered ? '✓' : '✗'} ${one.status ?? ''} ${one.error ?? ''}`)));
  const table = el('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t.webhooksPage.tries }, el('table', { class: 'figures' }, el('thead', {}, head), el('tbody', {}, ...rows)));
  await show(t.webhooksPage.tries, [el('p', {}, own(webhook.url)), items.length ? table : el('p', { class: 'quiet' }, t.webhooksPage.noTries)], t.close);
}

/** @param {Webhook} webhook @param {Roster<Webhook>} roster */
async function remove(webhook, roster) {
  const done = await askFirst({
    title: t.webhooksPage.removeOf(webhook.url),
    verb: t.webhooksPage.remove,
    danger: true,
    body: [el('p', { class: 'statement' }, t.webhooksPage.removeStatement(webhook.url))],
    act: () => ask(pathOf(webhook), { method: 'DELETE' }),
  });
  if (done) roster.load();
}

/** @param {Roster<Webhook>} roster */
async function make(roster) {
  const fields = new Fields();
  let [url, polls, results] = ['', '', 'public'];
  /** @type {Set<string>} */
  const events = new Set();
  /** @type {any} */
  let made = null;
  const ticks = EVENTS.map((event) => {
    const control = el('input', { type: 'checkbox', value: event });
    control.addEventListener('change', () => (control.checked ? events.add(event) : events.delete(event)));
    return el('label', { class: 'radio' }, control, el('code', {}, event));
  });
  const group = el('fieldset', { class: 'field' }, el('legend', {}, t.webhooksPage.events), el('p', { class: 'hint' }, t.webhooksPage.eventsHint), ...ticks);
  group.append(fields.group('events', /** @type {HTMLElement} */ (group.querySelector('input'))));
  const done = await askFirst({
    title: t.webhooksPage.make,
    verb: t.webhooksPage.create,
    fields,
    body: [
      fields.text({ path: 'url', label: t.webhooksPage.url, hint: t.webhooksPage.urlHint }, '', (value) => (url = value), { inputmode: 'url', dir: 'ltr' }),
      group,
      fields.longText({ path: 'polls', label: t.webhooksPage.polls, hint: t.webhooksPage.pollsHint, optional: true }, '', (value) => (polls = value), { dir: 'ltr', spellcheck: 'false', rows: '2' }),
      fields.choice({ path: 'results', label: t.webhooksPage.results }, results, Object.entries(t.webhooksPage.audiences), (value) => (results = value)),
      fields.summary,
    ],
    act: async () => {
      const ids = polls.split(/[\s,]+/).filter(Boolean);
      const body = { url: url.trim(), results, ...(events.size ? { events: [...events] } : {}), ...(ids.length ? { polls: ids } : {}) };
      made = await ask('v1/admin/webhooks', { method: 'POST', body });
    },
  });
  if (!done) return;
  await showSecret(t.webhooksPage.secret, t.webhooksPage.shownOnce, made.secret);
  roster.load();
}
