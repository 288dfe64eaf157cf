/**
 * Operators' keys: listed without their secrets, made and shown once, revoked.
 */
import { ask } from '../api.js';
import { button, el, own } from '../dom.js';
import { askFirst } from '../parts/dialog.js';
import { Fields } from '../parts/fields.js';
import { closedRoom, Roster, rosterPage } from '../parts/resource_list.js';
import { showSecret } from '../parts/secret.js';
import { session } from '../session.js';
import { shortMoment } from '../date_format.js';
import { t } from '../i18n.js';

/** @typedef {{id: string, name: string, scopes: string[], created_at: string, last_used_at: string | null}} Key */

/** @type {import('../console.js').View} */
export function keysView(place) {
  if (!session.may('keys:write')) return closedRoom(place, t.keys);
  /** @type {Roster<Key>} */
  const roster = new Roster({
    path: 'v1/admin/keys',
    none: t.keysPage.none,
    columns: [
      [t.keysPage.name, ({ name, id }) => el('span', { class: 'lines' }, own(name), el('code', {}, id))],
      [t.keysPage.scopes, ({ scopes }) => el('span', { class: 'scopes' }, ...scopes.map((scope) => el('code', { title: t.scopes[scope] }, scope)))],
      [t.keysPage.created, ({ created_at: at }) => shortMoment(at)],
      [t.keysPage.used, ({ last_used_at: at }) => (at ? shortMoment(at) : t.keysPage.never)],
    ],
    tool: (key) => button(t.keysPage.revoke, () => revoke(key, roster), { class: 'button small grave', 'aria-label': t.keysPage.revokeOf(key.name) }),
  });
  rosterPage(place, t.keys, t.keysPage.lead, button(t.keysPage.make, () => make(roster), { class: 'button primary' }), roster.element);
  roster.load();
  return { title: t.keys };
}

/** @param {Key} key @param {Roster<Key>} roster */
async function revoke({ id, name }, roster) {
  const done = await askFirst({
    title: t.keysPage.revokeOf(name),
    verb: t.keysPage.revoke,
    danger: true,
    body: [el('p', { class: 'statement' }, t.keysPage.revokeStatement(name))],
    act: () => ask(`v1/admin/keys/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  });
  if (done) roster.load();
}

/** @param {Roster<Key>} roster */
async function make(roster) {
  const fields = new Fields();
  let name = '';
  /** @type {Set<string>} */
  const scopes = new Set();
  /** @type {any} */
  let made = null;
  const ticks = Object.entries(t.scopes).map(([scope, text]) => {
    const lacking = !session.scopes.includes(scope);
    const control = el('input', { type: 'checkbox', value: scope, disabled: lacking });
    control.addEventListener('change', () => (control.checked ? scopes.add(scope) : scopes.delete(scope)));
    return el('label', { class: 'radio' }, control, el('span', {}, el('code', {}, scope), ` ${text}`, lacking && el('small', {}, t.keysPage.lacking)));
  });
  const group = el('fieldset', { class: 'field' }, el('legend', {}, t.keysPage.scopes), ...ticks);
  group.append(fields.group('scopes', /** @type {HTMLElement} */ (group.querySelector('input:not(:disabled)') ?? group)));
  const done = await askFirst({
    title: t.keysPage.make,
    verb: t.keysPage.create,
    fields,
    body: [fields.text({ path: 'name', label: t.keysPage.name, hint: t.keysPage.nameHint }, '', (value) => (name = value), { maxlength: '100' }), group, fields.summary],
    act: async () => {
      made = await ask('v1/admin/keys', { method: 'POST', body: { name, scopes: [...scopes] } });
    },
  });
  if (!done) return;
  await showSecret(t.keysPage.theKey, t.keysPage.shownOnce, made.key);
  roster.load();
}
