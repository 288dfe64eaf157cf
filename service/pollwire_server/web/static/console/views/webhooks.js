/**
 * Webhooks: list with status, creation, test, recent deliveries and deletion.
 */
import { request } from '../api.js';
import { button, el, isolated } from '../dom.js';
import { confirmDialog, show } from '../parts/dialog.js';
import { Fields } from '../parts/fields.js';
import { forbiddenPage, ResourceList, resourcePage } from '../parts/resource_list.js';
import { showToast, errorMessage } from '../parts/toast.js';
import { showSecret } from '../parts/secret.js';
import { session } from '../session.js';
import { formatShortDateTime } from '../date_format.js';
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
 * @typedef {{at: string, type: string, poll: string | null, attempt: number, delivered: boolean, status: number | null, error: string | null}} Delivery
 */

const EVENTS = ['poll.opened', 'poll.progress', 'poll.closed', 'poll.resolved', 'poll.corrected', 'poll.canceled'];
const AUDIT_EVENT = 'audit.recorded';

/** @param {Webhook} webhook @param {string} [part] */
const pathOf = ({ id }, part = '') => `v1/admin/webhooks/${encodeURIComponent(id)}${part}`;

/** @type {import('../console.js').View} */
export function webhooksView(place) {
  if (!session.hasScopes('webhooks:write')) return forbiddenPage(place, t.webhooks, 'webhooks:write');
  /** @type {ResourceList<Webhook>} */
  const resourceList = new ResourceList({
    path: 'v1/admin/webhooks',
    none: t.webhooksPage.none,
    columns: [
      [t.webhooksPage.url, ({ url }) => isolated(url)],
      [t.webhooksPage.events, ({ events }) => el('span', { class: 'scopes' }, ...events.map((event) => el('code', {}, event)))],
      [t.polls, ({ polls }) => (polls === null ? t.webhooksPage.everyPoll : el('span', { class: 'scopes' }, ...polls.map((poll) => el('code', {}, poll))))],
      [t.webhooksPage.state, stateOf],
      [t.webhooksPage.created, ({ created_at: at }) => formatShortDateTime(at)],
    ],
    tool: (webhook) => tools(webhook, resourceList),
  });
  resourcePage(place, t.webhooks, t.webhooksPage.lead, button(t.webhooksPage.newWebhook, () => make(resourceList), { class: 'button primary' }), resourceList.element);
  resourceList.load();
  return { title: t.webhooks };
}

/** @param {Webhook} webhook */
function stateOf({ status, waiting, disabled_reason: why, last_success_at: reached, last_failure_at: failed, last_error: error }) {
  const active = status === 'active';
  return el('span', { class: 'lines' },
    el('span', { class: 'pill', 'data-phase': active ? 'open' : 'canceled' }, active ? t.webhooksPage.active : t.webhooksPage.disabled),
    waiting > 0 && el('small', {}, t.webhooksPage.pending(waiting)),
    reached && el('small', {}, t.webhooksPage.lastSuccess(formatShortDateTime(reached))),
    failed && el('small', { title: error ?? '' }, t.webhooksPage.lastFailure(formatShortDateTime(failed))),
    !active && why && el('small', { lang: 'en', dir: 'ltr' }, why));
}

/** @param {Webhook} webhook @param {ResourceList<Webhook>} resourceList */
function tools(webhook, resourceList) {
  const small = (/** @type {string} */ text, /** @type {string} */ name, /** @type {() => void} */ click) => button(text, click, { class: 'button small', 'aria-label': name });
  const { url } = webhook;
  return el('span', { class: 'buttons' },
    webhook.status !== 'active' && small(t.webhooksPage.enable, `${t.webhooksPage.enable}: ${url}`, () => enable(webhook, resourceList)),
    small(t.webhooksPage.test, t.webhooksPage.testOf(url), () => test(webhook, resourceList)),
    small(t.webhooksPage.deliveries, t.webhooksPage.deliveriesOf(url), () => showDeliveries(webhook)),
    button(t.webhooksPage.remove, () => remove(webhook, resourceList), { class: 'button small destructive', 'aria-label': t.webhooksPage.removeOf(url) }));
}

/** Run an operation and show its result or error as a toast. @param {() => Promise<string>} operation */
async function runAndToast(operation) {
  try {
    showToast(await operation());
  } catch (error) {
    showToast(errorMessage(error));
  }
}

/** @param {Webhook} webhook @param {ResourceList<Webhook>} resourceList */
function enable(webhook, resourceList) {
  return runAndToast(async () => {
    await request(pathOf(webhook, '/enable'), { method: 'POST' });
    resourceList.load();
    return t.webhooksPage.enabled;
  });
}

/** @param {Webhook} webhook @param {ResourceList<Webhook>} resourceList */
function test(webhook, resourceList) {
  return runAndToast(async () => {
    const { delivered, error, status } = await request(pathOf(webhook, '/test'), { method: 'POST', long: true });
    resourceList.load();
    return delivered ? t.webhooksPage.testDelivered : t.webhooksPage.testFailed(error ?? String(status));
  });
}

/** @param {Webhook} webhook */
async function showDeliveries(webhook) {
  /** @type {{items: Delivery[]}} */
  const { items } = await request(pathOf(webhook, '/deliveries'));
  const columns = [t.poll.time, t.webhooksPage.event, t.list.poll, t.webhooksPage.attempt, t.webhooksPage.response];
  const head = el('tr', {}, ...columns.map((text) => el('th', { scope: 'col' }, text)));
  const rows = items.map((one) => el('tr', {}, el('th', { scope: 'row' }, formatShortDateTime(one.at)), el('td', {}, el('code', {}, one.type)), el('td', {}, one.poll ?? '–'), el('td', {}, number(one.attempt)), el('td', {}, `${one.delivered ? '✓' : '✗'} ${one.status ?? ''} ${one.error ?? ''}`)));
  const table = el('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t.webhooksPage.deliveries }, el('table', { class: 'data-table' }, el('thead', {}, head), el('tbody', {}, ...rows)));
  await show(t.webhooksPage.deliveries, [el('p', {}, isolated(webhook.url)), items.length ? table : el('p', { class: 'quiet' }, t.webhooksPage.noDeliveries)], t.close);
}

/** @param {Webhook} webhook @param {ResourceList<Webhook>} resourceList */
async function remove(webhook, resourceList) {
  const done = await confirmDialog({
    title: t.webhooksPage.removeOf(webhook.url),
    verb: t.webhooksPage.remove,
    danger: true,
    body: [el('p', { class: 'statement' }, t.webhooksPage.removeConsequence(webhook.url))],
    act: () => request(pathOf(webhook), { method: 'DELETE' }),
  });
  if (done) resourceList.load();
}

/** @param {ResourceList<Webhook>} resourceList */
async function make(resourceList) {
  const fields = new Fields();
  let [url, polls, results] = ['', '', 'public'];
  /** @type {Set<string>} */
  const events = new Set();
  /** @type {any} */
  let created = null;
  const ticks = [...EVENTS, ...(session.hasScopes('audit:read') ? [AUDIT_EVENT] : [])].map((event) => {
    const control = el('input', { type: 'checkbox', value: event });
    control.addEventListener('change', () => (control.checked ? events.add(event) : events.delete(event)));
    return el('label', { class: 'radio' }, control, el('code', {}, event));
  });
  const group = el('fieldset', { class: 'field' }, el('legend', {}, t.webhooksPage.events), el('p', { class: 'hint' }, t.webhooksPage.eventsHint), ...ticks);
  group.append(fields.group('events', /** @type {HTMLElement} */ (group.querySelector('input'))));
  const done = await confirmDialog({
    title: t.webhooksPage.newWebhook,
    verb: t.webhooksPage.create,
    fields,
    body: [
      fields.text({ path: 'url', label: t.webhooksPage.url, hint: t.webhooksPage.urlHint }, '', (value) => (url = value), { inputmode: 'url', dir: 'ltr' }),
      group,
      fields.longText({ path: 'polls', label: t.webhooksPage.polls, hint: t.webhooksPage.pollsHint, optional: true }, '', (value) => (polls = value), { dir: 'ltr', spellcheck: 'false', rows: '2' }),
      fields.choice({ path: 'results', label: t.webhooksPage.results }, results, Object.entries(t.webhooksPage.audiences).filter(([name]) => name === 'public' || session.hasScopes('results:read')), (value) => (results = value)),
      fields.summary,
    ],
    act: async () => {
      const ids = polls.split(/[\s,]+/).filter(Boolean);
      const body = { url: url.trim(), results, ...(events.size ? { events: [...events] } : {}), ...(ids.length ? { polls: ids } : {}) };
      created = await request('v1/admin/webhooks', { method: 'POST', body });
    },
  });
  if (!done) return;
  await showSecret(t.webhooksPage.secret, t.webhooksPage.shownOnce, created.secret);
  resourceList.load();
}
