/**
 * Sign-in providers (token issuers): list without secrets, registration and removal.
 */
import { request } from '../api.js';
import { button, el, own } from '../dom.js';
import { confirmDialog } from '../parts/dialog.js';
import { Fields } from '../parts/fields.js';
import { forbiddenPage, ResourceList, resourcePage } from '../parts/resource_list.js';
import { session } from '../session.js';
import { shortMoment } from '../date_format.js';
import { t } from '../i18n.js';

/** @typedef {{id: string, issuer: string, algorithm: string, audience: string, key: string | null, jwks_url: string | null, created_at: string}} Issuer */

const ALGORITHMS = ['EdDSA', 'RS256', 'HS256'];

/** @type {import('../console.js').View} */
export function issuersView(place) {
  if (!session.may('keys:write')) return forbiddenPage(place, t.issuers);
  /** @type {ResourceList<Issuer>} */
  const resourceList = new ResourceList({
    path: 'v1/admin/issuers',
    none: t.issuersPage.none,
    columns: [
      [t.issuersPage.issuer, ({ issuer }) => own(issuer)],
      [t.issuersPage.algorithm, ({ algorithm }) => el('code', {}, algorithm)],
      [t.issuersPage.audience, ({ audience }) => own(audience)],
      [t.issuersPage.source, ({ jwks_url: address, key }) => (address ? own(address) : key ? el('code', { class: 'pem', title: key }, key) : t.issuersPage.secret)],
      [t.issuersPage.created, ({ created_at: at }) => shortMoment(at)],
    ],
    tool: (issuer) => button(t.issuersPage.remove, () => remove(issuer, resourceList), { class: 'button small destructive', 'aria-label': t.issuersPage.removeOf(issuer.issuer) }),
  });
  resourcePage(place, t.issuers, t.issuersPage.lead, button(t.issuersPage.addProvider, () => make(resourceList), { class: 'button primary' }), resourceList.element);
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
  const write = (/** @type {string} */ name) => (/** @type {string} */ value) => {
    site[name] = value;
  };
  const address = fields.text({ path: 'jwks_url', label: t.issuersPage.jwks }, '', write('jwks_url'), { inputmode: 'url', dir: 'ltr' });
  const key = fields.longText({ path: 'key', label: t.issuersPage.key }, '', write('key'), { dir: 'ltr', spellcheck: 'false', rows: '5' });
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
      fields.text({ path: 'issuer', label: t.issuersPage.issuer, hint: t.issuersPage.issuerHint }, '', write('issuer'), { dir: 'ltr' }),
      fields.choice({ path: 'algorithm', label: t.issuersPage.algorithm }, site.algorithm, ALGORITHMS.map((name) => [name, name]), write('algorithm')),
      fields.text({ path: 'audience', label: t.issuersPage.audience, hint: t.issuersPage.audienceHint }, '', write('audience'), { dir: 'ltr' }),
      sources, address, key, fields.summary,
    ],
    act: () => request('v1/admin/issuers', { method: 'POST', body: { issuer: site.issuer, algorithm: site.algorithm, audience: site.audience, [source]: site[source] } }),
  });
  if (done) resourceList.load();
}
