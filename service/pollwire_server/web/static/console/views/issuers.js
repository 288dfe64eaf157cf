/**
 * Sites that vouch for voters: registered, listed without their secrets, struck off.
 */
import { ask } from '../api.js';
import { button, el, own } from '../dom.js';
import { askFirst } from '../parts/dialog.js';
import { Fields } from '../parts/fields.js';
import { closedRoom, Roster, rosterPage } from '../parts/resource_list.js';
import { session } from '../session.js';
import { shortMoment } from '../date_format.js';
import { t } from '../i18n.js';

/** @typedef {{id: string, issuer: string, algorithm: string, audience: string, key: string | null, jwks_url: string | null, created_at: string}} Issuer */

const ALGORITHMS = ['EdDSA', 'RS256', 'HS256'];

/** @type {import('../console.js').View} */
export function issuersView(place) {
  if (!session.may('keys:write')) return closedRoom(place, t.issuers);
  /** @type {Roster<Issuer>} */
  const roster = new Roster({
    path: 'v1/admin/issuers',
    none: t.issuersPage.none,
    columns: [
      [t.issuersPage.issuer, ({ issuer }) => own(issuer)],
      [t.issuersPage.algorithm, ({ algorithm }) => el('code', {}, algorithm)],
      [t.issuersPage.audience, ({ audience }) => own(audience)],
      [t.issuersPage.source, ({ jwks_url: address, key }) => (address ? own(address) : key ? el('code', { class: 'pem', title: key }, key) : t.issuersPage.secret)],
      [t.issuersPage.created, ({ created_at: at }) => shortMoment(at)],
    ],
    tool: (issuer) => button(t.issuersPage.strike, () => strike(issuer, roster), { class: 'button small grave', 'aria-label': t.issuersPage.strikeOf(issuer.issuer) }),
  });
  rosterPage(place, t.issuers, t.issuersPage.lead, button(t.issuersPage.make, () => make(roster), { class: 'button primary' }), roster.element);
  roster.load();
  return { title: t.issuers };
}

/** @param {Issuer} issuer @param {Roster<Issuer>} roster */
async function strike({ id, issuer }, roster) {
  const done = await askFirst({
    title: t.issuersPage.strikeOf(issuer),
    verb: t.issuersPage.strike,
    danger: true,
    body: [el('p', { class: 'statement' }, t.issuersPage.strikeStatement(issuer))],
    act: () => ask(`v1/admin/issuers/${encodeURIComponent(id)}`, { method: 'DELETE' }),
  });
  if (done) roster.load();
}

/** @param {Roster<Issuer>} roster */
async function make(roster) {
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
  const sources = fields.radios({ path: 'source', label: t.issuersPage.source }, source, [['jwks_url', t.issuersPage.byAddress], ['key', t.issuersPage.byKey]], (value) => {
    source = value;
    address.hidden = value === 'key';
    key.hidden = value !== 'key';
  });
  const done = await askFirst({
    title: t.issuersPage.make,
    verb: t.issuersPage.create,
    fields,
    body: [
      fields.text({ path: 'issuer', label: t.issuersPage.issuer, hint: t.issuersPage.issuerHint }, '', write('issuer'), { dir: 'ltr' }),
      fields.choice({ path: 'algorithm', label: t.issuersPage.algorithm }, site.algorithm, ALGORITHMS.map((name) => [name, name]), write('algorithm')),
      fields.text({ path: 'audience', label: t.issuersPage.audience, hint: t.issuersPage.audienceHint }, '', write('audience'), { dir: 'ltr' }),
      sources, address, key, fields.summary,
    ],
    act: () => ask('v1/admin/issuers', { method: 'POST', body: { issuer: site.issuer, algorithm: site.algorithm, audience: site.audience, [source]: site[source] } }),
  });
  if (done) roster.load();
}
