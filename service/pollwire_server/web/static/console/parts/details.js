/**
 * Details of a poll as a list of terms. Times are in the operator's zone and in the poll's.
 */
import { el, isolated, setChildren } from '../dom.js';
import { formatDateTime, isKnownZone, operatorZone } from '../date_format.js';
import { number, t } from '../i18n.js';

/** @typedef {import('../types.js').Poll} Poll */

export class Details {
  #list = el('dl', { class: 'details-list' });
  element = el('section', { class: 'card' }, el('h2', {}, t.poll.details), this.#list);

  /** @param {Poll} poll */
  update(poll) {
    setChildren(this.#list, ...detailsOf(poll).flatMap(([term, ...values]) => (values.some(Boolean) ? [el('dt', {}, term), el('dd', {}, ...values)] : [])));
  }
}

/** @param {Poll} poll @returns {[string, ...import('../dom.js').Child[]][]} */
function detailsOf(poll) {
  const time = (/** @type {string | null} */ instant) => timeOf(instant, poll.timezone);
  return [
    [t.form.zone, poll.timezone && !isKnownZone(poll.timezone) && t.poll.unknownZone(poll.timezone)],
    [t.poll.opens, time(poll.opens_at)],
    [t.poll.closes, time(poll.closes_at) ?? t.poll.noEndDate],
    [t.poll.originalClose, poll.planned_closes_at !== poll.closes_at ? time(poll.planned_closes_at) : null],
    [t.poll.visible, time(poll.visible_at)],
    [t.poll.resolveBy, time(poll.resolve_by)],
    [t.poll.outcome, outcomeOf(poll)],
    [t.poll.note, poll.resolution?.note && isolated(poll.resolution.note)],
    [t.poll.source, poll.resolution?.source && el('a', { href: poll.resolution.source, rel: 'noopener noreferrer' }, isolated(poll.resolution.source))],
    [t.poll.identity, t.identities[poll.identity] ?? poll.identity],
    [t.poll.issuer, poll.issuer && isolated(poll.issuer)],
    [t.poll.revote, t.revotes[poll.revote] ?? poll.revote],
    [t.poll.results, t.resultsModes[poll.results] ?? poll.results],
    [t.poll.series, poll.series && isolated(poll.series)],
    [t.poll.origins, poll.origins ? el('span', { class: 'lines' }, ...poll.origins.map((site) => el('bdi', {}, site))) : t.poll.originsDefault],
    [t.poll.language, poll.lang],
    [t.poll.created, time(poll.created_at)],
    [t.poll.version, number(poll.version)],
  ];
}

/** @param {Poll} poll */
function outcomeOf(poll) {
  if (!poll.resolution) return null;
  const { outcome } = poll.resolution;
  if (outcome === null) return t.poll.voided;
  return isolated(poll.options.find(({ id }) => id === outcome)?.label ?? outcome, poll.lang);
}

/** Show an instant in the operator's zone and, if it differs and the browser knows it, in the poll's. @param {string | null} instant @param {string | null | undefined} zone */
export function timeOf(instant, zone) {
  if (!instant) return null;
  const there = zone ?? 'UTC';
  const zones = [...new Set([operatorZone, ...(isKnownZone(there) ? [there] : [])])];
  const named = (/** @type {string} */ name) => (name === operatorZone ? t.poll.yourTime : t.poll.inZone(name));
  return el('time', { datetime: instant, class: 'lines' }, ...zones.map((name) => el('span', {}, formatDateTime(instant, name), el('small', {}, ` ${named(name)}`))));
}
