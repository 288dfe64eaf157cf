/**
 * What a poll is, in a list of terms; every time in the operator's zone and in the poll's own, side by side.
 */
import { el, own, put } from '../dom.js';
import { moment, operatorZone } from '../date_format.js';
import { number, t } from '../i18n.js';

/** @typedef {import('../types.js').Poll} Poll */

export class Facts {
  #list = el('dl', { class: 'facts' });
  element = el('section', { class: 'card' }, el('h2', {}, t.poll.facts), this.#list);

  /** @param {Poll} poll */
  update(poll) {
    put(this.#list, ...factsOf(poll).flatMap(([term, ...told]) => (told.some(Boolean) ? [el('dt', {}, term), el('dd', {}, ...told)] : [])));
  }
}

/** @param {Poll} poll @returns {[string, ...import('../dom.js').Child[]][]} */
function factsOf(poll) {
  const time = (/** @type {string | null} */ instant) => timeOf(instant, poll.timezone);
  return [
    [t.poll.opens, time(poll.opens_at)],
    [t.poll.closes, time(poll.closes_at) ?? t.poll.noClose],
    [t.poll.planned, poll.planned_closes_at !== poll.closes_at ? time(poll.planned_closes_at) : null],
    [t.poll.visible, time(poll.visible_at)],
    [t.poll.resolveBy, time(poll.resolve_by)],
    [t.poll.outcome, outcomeOf(poll)],
    [t.poll.note, poll.resolution?.note && own(poll.resolution.note)],
    [t.poll.identity, t.identities[poll.identity] ?? poll.identity],
    [t.poll.issuer, poll.issuer && own(poll.issuer)],
    [t.poll.revote, t.revotes[poll.revote] ?? poll.revote],
    [t.poll.results, t.resultsModes[poll.results] ?? poll.results],
    [t.poll.series, poll.series && own(poll.series)],
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
  if (outcome === null) return t.poll.annulled;
  return own(poll.options.find(({ id }) => id === outcome)?.label ?? outcome, poll.lang);
}

/** In the operator's zone and, where that differs, in the poll's. @param {string | null} instant @param {string | null | undefined} zone */
export function timeOf(instant, zone) {
  if (!instant) return null;
  const there = zone ?? 'UTC';
  const zones = [...new Set([operatorZone, there])];
  const named = (/** @type {string} */ name) => (name === operatorZone ? t.poll.here : t.poll.there(name));
  return el('time', { datetime: instant, class: 'lines' }, ...zones.map((name) => el('span', {}, moment(instant, name), el('small', {}, ` ${named(name)}`))));
}
