/**
 * Conversion between instants and local times of a time zone.
 *
 * The service validates local times (a clock change may skip or repeat them). The console only shows them in
 * other zones, for example that 9:00 in Accra is 10:00 in Paris.
 */
import { locale } from './i18n.js';

const DAY_MS = 86_400_000;

/** @type {Map<string, boolean>} */
const knownZones = new Map();

/** Return true if the browser knows the zone. The service may have newer zone data. @param {string} zone */
export function isKnownZone(zone) {
  const known = knownZones.get(zone) ?? canFormatIn(zone);
  knownZones.set(zone, known);
  return known;
}

/** @param {string} zone */
function canFormatIn(zone) {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const deviceZone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
export const operatorZone = deviceZone && isKnownZone(deviceZone) ? deviceZone : 'UTC';

/** Return every zone that the browser knows, the operator's own and UTC first. @param {string} [also] */
export function zones(also) {
  const known = Intl.supportedValuesOf?.('timeZone') ?? [];
  return [...new Set([operatorZone, 'UTC', ...(also ? [also] : []), ...known])];
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** Return a format in the zone. If the browser does not know it, in the operator's. @param {string} tag @param {string} zone @param {Intl.DateTimeFormatOptions} options */
function formatOf(tag, zone, options) {
  const name = JSON.stringify([tag, zone, options]);
  const format = formats.get(name) ?? new Intl.DateTimeFormat(tag, { ...options, timeZone: isKnownZone(zone) ? zone : operatorZone });
  formats.set(name, format);
  return format;
}

/** Format an instant with the zone's name. @param {string | number} instant @param {string} [zone] */
export function formatDateTime(instant, zone = operatorZone) {
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' };
  return formatInstant(formatOf(locale(), zone, options), instant);
}

/** @param {Intl.DateTimeFormat} format @param {string | number} instant */
function formatInstant(format, instant) {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? '–' : format.format(date);
}

/** Format an instant without the zone's name, for tables. @param {string | number} instant */
export function formatShortDateTime(instant) {
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' };
  return formatInstant(formatOf(locale(), operatorZone, options), instant);
}

/** @param {string | number} instant @param {'2-digit'} [second] shown if minutes are too coarse */
export function formatTime(instant, second) {
  return formatInstant(formatOf(locale(), operatorZone, { hour: '2-digit', minute: '2-digit', second }), instant);
}

/** @param {string | number} instant */
export function formatDay(instant) {
  return formatInstant(formatOf(locale(), operatorZone, { month: 'short', day: 'numeric' }), instant);
}

/**
 * Format an instant as the value of `<input type="datetime-local">` in the zone. Whole minutes have no seconds.
 * @param {string | number} instant @param {string} zone
 */
export function toLocalTime(instant, zone) {
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
  const parts = formatOf('en-GB', zone, options).formatToParts(new Date(instant));
  const part = (/** @type {string} */ type) => parts.find((found) => found.type === type)?.value ?? '';
  const minutes = `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}T${part('hour')}:${part('minute')}`;
  return part('second') === '00' ? minutes : `${minutes}:${part('second')}`;
}

/**
 * Return the instants of a local time: one, none if it is skipped, or two if it is repeated.
 * @param {string} text format of `toLocalTime` @param {string} zone @returns {number[]}
 */
export function instantsOfLocalTime(text, zone) {
  const asUtc = Date.parse(`${text}Z`);
  if (Number.isNaN(asUtc)) return [];
  const offsets = [asUtc - DAY_MS, asUtc, asUtc + DAY_MS].map((near) => Date.parse(`${toLocalTime(near, zone)}Z`) - Math.floor(near / 1000) * 1000);
  const candidates = [...new Set(offsets.map((offset) => asUtc - offset))];
  return candidates.filter((instant) => toLocalTime(instant, zone) === toLocalTime(asUtc, 'UTC')).sort((a, b) => a - b);
}

/** Format a duration with two units, or in days if it is long. @param {number} durationMs */
export function formatDuration(durationMs) {
  const seconds = Math.max(0, Math.round(durationMs / 1000));
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  const unit = (/** @type {number} */ value, /** @type {string} */ name) =>
    new Intl.NumberFormat(locale(), { style: 'unit', unit: name, unitDisplay: 'short' }).format(value);
  if (days >= 2) return unit(days, 'day');
  if (days || hours) return `${unit(days * 24 + hours, 'hour')} ${unit(minutes, 'minute')}`;
  return minutes ? `${unit(minutes, 'minute')} ${unit(seconds % 60, 'second')}` : unit(seconds, 'second');
}
