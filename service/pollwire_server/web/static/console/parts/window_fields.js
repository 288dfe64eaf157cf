/**
 * Form fields of the schedule: the time zone and the times.
 */
import { el } from '../dom.js';
import { isKnownZone, zones } from '../date_format.js';
import { t } from '../i18n.js';
import { timeField } from './time_field.js';

/** @param {string} zone @param {import('./fields.js').Fields} fields @param {(zone: string) => void} changed */
export function zoneField(zone, fields, changed) {
  const hint = isKnownZone(zone) ? null : t.poll.unknownZone(zone);
  return fields.choice({ path: 'timezone', label: t.form.zone, hint }, zone, zones(zone).map((name) => [name, name]), changed);
}

/** @param {import('../draft.js').Draft} draft @param {import('./fields.js').Fields} fields @param {() => void} changed */
export function windowFields(draft, fields, changed) {
  const times = [
    timeField({ path: 'opens_at', label: t.form.opensAt, hint: t.form.opensHint }, draft.opens_at, () => draft.timezone, fields, changed),
    timeField({ path: 'closes_at', label: t.form.closesAt, hint: t.form.closesHint }, draft.closes_at, () => draft.timezone, fields, changed),
    timeField({ path: 'visible_at', label: t.form.visibleAt, hint: t.form.visibleHint }, draft.visible_at, () => draft.timezone, fields, changed),
  ];
  const resolveBy = timeField({ path: 'resolve_by', label: t.form.resolveBy, hint: t.form.resolveByHint }, draft.resolve_by, () => draft.timezone, fields, changed);
  const zone = zoneField(draft.timezone, fields, (value) => {
    draft.timezone = value;
    for (const time of [...times, resolveBy]) time.changeZone();
    changed();
  });
  const element = el('fieldset', { class: 'group' }, el('legend', {}, t.form.schedule), zone, el('div', { class: 'row' }, ...times.map((time) => time.element)), resolveBy.element);
  return { element, update: () => (resolveBy.element.hidden = draft.kind !== 'prediction') };
}
