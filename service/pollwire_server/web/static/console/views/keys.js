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
import { formatShortDateTime } from '../date_format.js';
import { t } from '../i18n.js';

/** @typedef {{id: string, name: string, scopes: string[], created_at: string, last_used_at: string | null}} Key */

/** @type {import('../console.js').View} */
export function keysView(place) {
  if (!session.may('keys:write')) return forbiddenPage(place, t.keys);
  /** @type {ResourceList<Key>} */
  const resourceList = new ResourceList({
    path: 'v1/admin/keys',
    none: t.keysPage.none,
    columns: [
      [t.keysPage.name, ({ name, id }) => el('span', { class: 'lines' }, isolated(name), el('code', {}, id))],
      [t.keysPage.scopes, ({ scopes }) => el('span', { class: 'scopes' }, ...scopes.map((scope) => el('code', { title: t.scopes[scope] }, scope)))],
      [t.keysPage.created, ({ created_at: at }) => formatShortDateTime(at)],
      [t.keysPage.lastUsed, ({ last_used_at: at }) => (at ? formatShortDateTime(at) : t.keysPage.neverUsed)],
    ],
    tool: (key) => button(t.keysPage.revoke, () => revoke(key, resourceList), { class: 'button small destructive', 'aria-label': t.keysPage.revokeOf(key.name) }),
  });
  resourcePage(place, t.keys, t.keysPage.lead, button(t.keysPage.newKey, () => make(resourceList), { class: 'button primary' }), resourceList.element);
  resourceList.load();
  return { title: t.keys };
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
    body: [fields.text({ path: 'name', label: t.keysPage.name, hint: t.keysPage.nameHint }, '', (value) => (name = value), { maxlength: '100' }), group, fields.summary],
    act: async () => {
      created = await request('v1/admin/keys', { method: 'POST', body: { name, scopes: [...scopes] } });
    },
  });
  if (!done) return;
  await showSecret(t.keysPage.createdKey, t.keysPage.shownOnce, created.key);
  resourceList.load();
}
