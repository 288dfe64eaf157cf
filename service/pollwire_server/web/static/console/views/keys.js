/**
 * API keys: list, creation (the secret is shown once) and revocation.
 */
import { request } from '../api.js';
import { button, el, isolated } from '../dom.js';
import { confirmDialog } from '../parts/dialog.js';
import { Fields } from '../parts/fields.js';
import { forbiddenPage, ResourceList, resourcePage } from '../parts/resource_list.js';
import { showSecret } from '../parts/secret.js';
import { session } from '../session.js';
import { formatShortDateTime, operatorZone } from '../date_format.js';
import { t } from '../i18n.js';

/** @typedef {{id: string, name: string, scopes: string[], polls: string[] | null, series: string[] | null, expires_at: string | null, created_at: string, last_used_at: string | null}} Key */

/** @type {import('../console.js').View} */
export function keysView(place) {
  if (!session.hasScopes('keys:write')) return forbiddenPage(place, t.keys, 'keys:write');
  /** @type {ResourceList<Key>} */
  const resourceList = new ResourceList({
    path: 'v1/admin/keys',
    none: t.keysPage.none,
    columns: [
      [t.keysPage.name, ({ name, id }) => el('span', { class: 'lines' }, isolated(name), el('code', {}, id))],
      [t.keysPage.scopes, ({ scopes }) => el('span', { class: 'scopes' }, ...scopes.map((scope) => el('code', { title: t.scopes[scope] }, scope)))],
      [t.keysPage.polls, limitsOf],
      [t.keysPage.expires, ({ expires_at: at }) => (at ? formatShortDateTime(at) : t.keysPage.never)],
      [t.keysPage.created, ({ created_at: at }) => formatShortDateTime(at)],
      [t.keysPage.lastUsed, ({ last_used_at: at }) => (at ? formatShortDateTime(at) : t.keysPage.neverUsed)],
    ],
    tool: (key) => button(t.keysPage.revoke, () => revoke(key, resourceList), { class: 'button small destructive', 'aria-label': t.keysPage.revokeOf(key.name) }),
  });
  resourcePage(place, t.keys, t.keysPage.lead, button(t.keysPage.newKey, () => make(resourceList), { class: 'button primary' }), resourceList.element);
  resourceList.load();
  return { title: t.keys };
}

/** @param {Key} key */
function limitsOf({ polls, series }) {
  if (polls === null && series === null) return t.webhooksPage.everyPoll;
  const names = [...(polls ?? []), ...(series ?? []).map((name) => `${t.list.series}: ${name}`)];
  return el('span', { class: 'scopes' }, ...names.map((name) => el('code', {}, name)));
}

/** @param {Key} key @param {ResourceList<Key>} resourceList */
async function revoke({ id, name }, resourceList) {
  const done = await confirmDialog({
    title: t.keysPage.revokeOf(name),
    verb: t.keysPage.revoke,
    danger: true,
    body: [el('p', { class: 'statement' }, t.keysPage.revokeConsequence(name))],
    act: () => request(`v1/admin/keys/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  });
  if (done) resourceList.load();
}

/** @param {ResourceList<Key>} resourceList */
async function make(resourceList) {
  const fields = new Fields();
  let name = '';
  let [polls, series, expiresAt] = ['', '', ''];
  /** @type {Set<string>} */
  const scopes = new Set();
  /** @type {any} */
  let created = null;
  const ticks = Object.entries(t.scopes).map(([scope, text]) => {
    const lacking = !session.scopes.includes(scope);
    const control = el('input', { type: 'checkbox', value: scope, disabled: lacking });
    control.addEventListener('change', () => (control.checked ? scopes.add(scope) : scopes.delete(scope)));
    return el('label', { class: 'radio' }, control, el('span', {}, el('code', {}, scope), ` ${text}`, lacking && el('small', {}, t.keysPage.notGranted)));
  });
  const group = el('fieldset', { class: 'field' }, el('legend', {}, t.keysPage.scopes), ...ticks);
  group.append(fields.group('scopes', /** @type {HTMLElement} */ (group.querySelector('input:not(:disabled)') ?? group)));
  const done = await confirmDialog({
    title: t.keysPage.newKey,
    verb: t.keysPage.create,
    fields,
    body: [fields.text({ path: 'name', label: t.keysPage.name, hint: t.keysPage.nameHint }, '', (value) => (name = value), { maxlength: '100' }), group,
      fields.text({ path: 'polls', label: t.keysPage.polls, hint: t.keysPage.pollsHint, optional: true }, '', (value) => (polls = value), { dir: 'ltr', spellcheck: 'false' }),
      fields.text({ path: 'series', label: t.list.series, hint: t.keysPage.seriesHint, optional: true }, '', (value) => (series = value), { dir: 'ltr', spellcheck: 'false' }),
      fields.text({ path: 'expires_at', label: t.keysPage.expires, optional: true }, '', (value) => (expiresAt = value), { type: 'datetime-local', max: '9999-12-31T23:59' }),
      fields.summary],
    act: async () => {
      const limits = Object.entries({ polls: words(polls), series: words(series) }).filter(([, list]) => list.length > 0);
      const expiry = expiresAt ? { expires_at: expiresAt, timezone: operatorZone } : {};
      created = await request('v1/admin/keys', { method: 'POST', body: { name, scopes: [...scopes], ...Object.fromEntries(limits), ...expiry } });
    },
  });
  if (!done) return;
  await showSecret(t.keysPage.createdKey, t.keysPage.shownOnce, created.key);
  resourceList.load();
}

/** Split a list of ids. @param {string} text */
function words(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}
