/**
 * Field for a local time in the poll's zone, with the same time in the operator's zone and in UTC.
 *
 * For a repeated local time the operator picks one of two instants; a skipped one shows a warning. Without a pick
 * the local time is sent, and the service validates it. If the browser does not know the poll's zone, the field is in
 * the operator's zone, and the instant is sent.
 */
import { el, uniqueId, setChildren } from '../dom.js';
import { instantsOfLocalTime, formatDateTime, isKnownZone, operatorZone, toLocalTime } from '../date_format.js';
import { t } from '../i18n.js';

/** @typedef {import('../draft.js').Draft} Draft */
/** @typedef {import('../draft.js').TimeName} TimeName */

/**
 * @param {{path: TimeName, label: string, hint: string}} about
 * @param {import('../draft.js').TimeDraft} time
 * @param {() => string} zone the poll's
 * @param {import('./fields.js').Fields} fields
 * @param {() => void} changed
 */
export function timeField(about, time, zone, fields, changed) {
  const control = el('input', { type: 'datetime-local', value: time.text, step: time.text.length > 16 ? '1' : '60', max: '9999-12-31T23:59' });
  const beside = el('div', { class: 'equivalents' });
  const show = () => setChildren(beside, ...equivalents(time, zone(), pick));
  const pick = (/** @type {number} */ instant) => {
    time.instant = new Date(instant).toISOString();
    changed();
  };
  control.addEventListener('input', () => {
    time.text = control.value;
    time.instant = null;
    fixInstant();
    show();
    changed();
  });
  /** The service would read a local time in the poll's zone, which is not the one of the field. */
  const fixInstant = () => {
    const [instant] = isKnownZone(zone()) ? [] : instantsOfLocalTime(time.text, operatorZone);
    if (instant !== undefined) time.instant = new Date(instant).toISOString();
  };
  const changeZone = () => {
    if (time.instant) time.text = control.value = toLocalTime(time.instant, zone());
    else fixInstant();
    show();
  };
  show();
  return { element: fields.custom({ ...about, optional: true }, control, beside), changeZone };
}

/** @param {import('../draft.js').TimeDraft} time @param {string} zone @param {(instant: number) => void} pick */
function equivalents(time, zone, pick) {
  if (!time.text) return [];
  const instants = time.instant ? [Date.parse(time.instant)] : instantsOfLocalTime(time.text, zone);
  if (instants.length === 0) return [el('p', { class: 'warning' }, t.form.nonexistentTime)];
  if (instants.length > 1) return [doubled(instants, zone, pick)];
  const zones = [...new Set([zone, operatorZone, 'UTC'])].filter(isKnownZone);
  return [el('dl', {}, ...zones.flatMap((name) => [el('dt', {}, name === operatorZone ? `${name}, ${t.poll.yourTime}` : name), el('dd', {}, formatDateTime(instants[0], name))]))];
}

/** @param {number[]} instants @param {string} zone @param {(instant: number) => void} pick */
function doubled(instants, zone, pick) {
  const name = uniqueId('instant');
  const rows = instants.map((instant) => {
    const control = el('input', { type: 'radio', name });
    control.addEventListener('change', () => pick(instant));
    return el('label', { class: 'radio' }, control, el('span', {}, formatDateTime(instant, zone)));
  });
  return el('fieldset', { class: 'warning' }, el('legend', {}, t.form.ambiguousTime), ...rows);
}
