/**
 * Sign-in providers (token issuers): list without secrets, registration and removal.
 */
import { request } from '../api.js';
import { button, el, isolated } from '../dom.js';
import { confirmDialog } from '../parts/dialog.js';
import { Fields } from '../parts/fields.js';
import { forbiddenPage, ResourceList, resourcePage } from '../parts/resource_list.js';
import { session } from '../session.js';
import { formatShortDateTime } from '../date_format.js';
import { t } from '../i18n.js';

/** @typedef {{id: string, issuer: string, algorithm: string, audience: string, key: string | null, jwks_url: string | null, created_at: string}} Issuer */

const ALGORITHMS = ['EdDSA', 'RS256', 'HS256'];

/** @type {import('../console.js').View} */
export function issuersView(place) {
  if (!session.hasScopes('issuers:write')) return forbiddenPage(place, t.issuers, 'issuers:write');
  /** @type {ResourceList<Issuer>} */
  const resourceList = new ResourceList({
    path: 'v1/admin/issuers',
    none: t.issuersPage.none,
    columns: [
      [t.issuersPage.issuer, ({ issuer }) => isolated(issuer)],
      [t.issuersPage.algorithm, ({ algorithm }) => el('code', {}, algorithm)],
      [t.issuersPage.audience, ({ audience }) => isolated(audience)],
      [t.issuersPage.source, ({ jwks_url: address, key }) => (address ? isolated(address) : key ? el('code', { class: 'pem', title: key }, key) : t.issuersPage.secret)],
      [t.issuersPage.created, ({ created_at: at }) => formatShortDateTime(at)],
    ],
    tool: (issuer) => button(t.issuersPage.remove, () => remove(issuer, resourceList), { class: 'button small destructive', 'aria-label': t.issuersPage.removeOf(issuer.issuer) }),
  });
  resourcePage(place, t.issuers, t.issuersPage.lead, session.hasScopes('votes:write') ? button(t.issuersPage.addProvider, () => make(resourceList), { class: 'button primary' }) : null, resourceList.element);
  resourceList.load();
  return { title: t.issuers };
}

/** @param {Issuer} issuer @param {ResourceList<Issuer>} resourceList */
async function remove({ id, issuer }, resourceList) {
  const done = await confirmDialog({
    title: t.issuersPage.removeOf(issuer),
    verb: t.issuersPage.remove,
    danger: true,
    body: [el('p', { class: 'statement' }, t.issuersPage.removeConsequence(issuer))],
    act: () => request(`v1/admin/issuers/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  });
  if (done) resourceList.load();
}

/** @param {ResourceList<Issuer>} resourceList */
async function make(resourceList) {
  const fields = new Fields();
  /** @type {Record<string, string>} */
  const site = { issuer: '', algorithm: ALGORITHMS[0], audience: '', jwks_url: '', key: '' };
  let source = 'jwks_url';
  const setField = (/** @type {string} */ name) => (/** @type {string} */ value) => {
    site[name] = value;
  };
  const address = fields.text({ path: 'jwks_url', label: t.issuersPage.jwks }, '', setField('jwks_url'), { inputmode: 'url', dir: 'ltr' });
  const key = fields.longText({ path: 'key', label: t.issuersPage.key }, '', setField('key'), { dir: 'ltr', spellcheck: 'false', rows: '5' });
  key.hidden = true;
  const sources = fields.radios({ path: 'source', label: t.issuersPage.source }, source, [['jwks_url', t.issuersPage.fromUrl], ['key', t.issuersPage.pasted]], (value) => {
    source = value;
    address.hidden = value === 'key';
    key.hidden = value !== 'key';
  });
  const done = await confirmDialog({
    title: t.issuersPage.addProvider,
    verb: t.issuersPage.create,
    fields,
    body: [
      fields.text({ path: 'issuer', label: t.issuersPage.issuer, hint: t.issuersPage.issuerHint }, '', setField('issuer'), { dir: 'ltr' }),
      fields.choice({ path: 'algorithm', label: t.issuersPage.algorithm }, site.algorithm, ALGORITHMS.map((name) => [name, name]), setField('algorithm')),
      fields.text({ path: 'audience', label: t.issuersPage.audience, hint: t.issuersPage.audienceHint }, '', setField('audience'), { dir: 'ltr' }),
      sources, address, key, fields.summary,
    ],
    act: () => request('v1/admin/issuers', { method: 'POST', body: { issuer: site.issuer, algorithm: site.algorithm, audience: site.audience, [source]: site[source] } }),
  });
  if (done) resourceList.load();
}
