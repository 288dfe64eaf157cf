/**
 * Audit log of the service, newest first.
 */
import { el, isolated } from '../dom.js';
import { formatShortDateTime } from '../date_format.js';
import { forbiddenPage, ResourceList, resourcePage } from '../parts/resource_list.js';
import { session } from '../session.js';
import { t } from '../i18n.js';

/** @typedef {{n: number, at: string, act: string, by: {id: string, name: string}, target: string, detail: Record<string, unknown>, hash: string}} Entry */

/** @type {import('../console.js').View} */
export function serviceAuditView(place) {
  if (!session.hasScopes('audit:read')) return forbiddenPage(place, t.audit.heading, 'audit:read');
  /** @type {ResourceList<Entry>} */
  const resourceList = new ResourceList({
    path: 'v1/admin/audit',
    none: t.audit.none,
    columns: [
      [t.serviceAudit.act, ({ act, n, hash }) => el('span', { class: 'lines', title: hash }, el('code', {}, act), el('small', {}, `${n}`))],
      [t.serviceAudit.key, ({ by }) => el('span', { class: 'lines' }, isolated(by.name), by.id && el('code', {}, by.id))],
      [t.serviceAudit.target, ({ target }) => el('code', {}, target || '–')],
      [t.serviceAudit.detail, ({ detail }) => el('code', { dir: 'ltr' }, detailText(detail))],
      [t.poll.time, ({ at }) => formatShortDateTime(at)],
    ],
    tool: () => null,
  });
  resourcePage(place, t.audit.heading, t.serviceAudit.lead, null, resourceList.element);
  resourceList.load();
  return { title: t.audit.heading };
}

/** @param {Record<string, unknown>} detail */
function detailText(detail) {
  return Object.entries(detail).filter(([name]) => name !== 'totals').map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ') || '–';
}
