/**
 * Draft of a poll: the state of the form, and its conversion to request bodies.
 *
 * A draft stores each field as its control does (mostly text), so that unfinished input survives.
 * Pure: no document, no network, no clock.
 */
import { toLocalTime } from './date_format.js';

/** @typedef {import('./types.js').Poll} Poll */
/**
 * @typedef {object} TimeDraft a local time, or the stored instant until the field is edited
 * @property {string} text
 * @property {string | null} instant null after an edit, unless the operator picked one of two instants
 *
 * @typedef {object} OptionDraft
 * @property {string} id
 * @property {string} label
 * @property {string} image
 * @property {string} capacity
 * @property {boolean} named true if the id is fixed and no longer follows the label
 *
 * @typedef {object} Draft
 * @property {string} id
 * @property {string} kind
 * @property {string} question
 * @property {string} description
 * @property {OptionDraft[]} options
 * @property {{min: string, max: string}} choices
 * @property {{min: string, max: string}} scale
 * @property {boolean} forecast
 * @property {boolean} ordered
 * @property {string} series
 * @property {TimeDraft} resolve_by
 * @property {TimeDraft} opens_at
 * @property {TimeDraft} closes_at
 * @property {TimeDraft} visible_at
 * @property {string} timezone
 * @property {string} revote
 * @property {string} identity
 * @property {string} issuer
 * @property {string} results
 * @property {string} origins
 * @property {boolean} shuffle
 * @property {boolean} network_tags
 * @property {string} lang
 */

/** @typedef {'opens_at' | 'closes_at' | 'visible_at' | 'resolve_by'} TimeName */
/** @type {TimeName[]} */
export const TIMES = ['opens_at', 'closes_at', 'visible_at', 'resolve_by'];

/** @param {string} [id] @param {string} [label] @returns {OptionDraft} */
export function blankOption(id = '', label = '') {
  return { id, label, image: '', capacity: '', named: false };
}

/** @param {string} timezone @param {string} lang @returns {Draft} */
export function blankDraft(timezone, lang) {
  const time = () => ({ text: '', instant: null });
  return {
    ...{ id: '', kind: 'single', question: '', description: '', options: [blankOption(), blankOption()] },
    ...{ choices: { min: '1', max: '' }, scale: { min: '1', max: '5' }, forecast: false, ordered: false, series: '' },
    ...{ opens_at: time(), closes_at: time(), visible_at: time(), resolve_by: time(), timezone },
    ...{ revote: 'never', identity: 'device', issuer: '', results: 'always' },
    ...{ origins: '', shuffle: false, network_tags: false, lang },
  };
}

/** Return the draft for an existing poll. @param {Poll} poll @param {string} timezone @returns {Draft} */
export function draftFromPoll(poll, timezone) {
  const time = (/** @type {string | null} */ instant) => ({ text: instant ? toLocalTime(instant, timezone) : '', instant });
  const bounds = (/** @type {import('./types.js').Bounds | null} */ given, /** @type {string[]} */ [min, max]) =>
    given ? { min: String(given.min), max: String(given.max) } : { min, max };
  return {
    ...{ id: poll.id, kind: poll.kind, question: poll.question, description: poll.description ?? '' },
    options: poll.options.map(({ id, label, image, capacity }) => ({ id, label, image: image ?? '', capacity: capacity ? String(capacity) : '', named: true })),
    ...{ choices: bounds(poll.choices, ['1', '']), scale: bounds(poll.scale, ['1', '5']), forecast: poll.forecast, ordered: poll.ordered, series: poll.series ?? '' },
    ...{ opens_at: time(poll.opens_at), closes_at: time(poll.closes_at), visible_at: time(poll.visible_at), resolve_by: time(poll.resolve_by) },
    ...{ timezone, revote: poll.revote, identity: poll.identity, issuer: poll.issuer ?? '', results: poll.results },
    ...{ origins: (poll.origins ?? []).join('\n'), shuffle: poll.shuffle, network_tags: poll.network_tags, lang: poll.lang ?? '' },
  };
}

/**
 * Return the API fields of a draft; null for an empty one. Fields that the kind does not have are left out.
 * @param {Draft} draft @returns {Record<string, any>}
 */
export function fieldsOf(draft) {
  const isRating = draft.kind === 'rating';
  const isPrediction = draft.kind === 'prediction';
  return {
    kind: draft.kind,
    question: draft.question.trim(),
    description: draft.description.trim() || null,
    ...(isRating ? { scale: boundsOf(draft.scale) } : { options: optionsOf(draft) }),
    ...(draft.kind === 'multiple' ? { choices: boundsOf(draft.choices) } : {}),
    ...(isPrediction ? { forecast: draft.forecast, ordered: draft.forecast && draft.ordered, series: draft.series.trim() || null, resolve_by: timeOf(draft.resolve_by) } : {}),
    opens_at: timeOf(draft.opens_at),
    closes_at: timeOf(draft.closes_at),
    visible_at: timeOf(draft.visible_at),
    timezone: draft.timezone,
    revote: draft.revote,
    identity: draft.identity,
    issuer: draft.identity === 'signed' ? draft.issuer.trim() || null : null,
    results: draft.results,
    origins: originsOf(draft.origins),
    shuffle: draft.shuffle,
    network_tags: draft.network_tags,
    lang: draft.lang.trim() || null,
  };
}

/** Return the API path of the first empty required field, or null. @param {Draft} draft @returns {string | null} */
export function findEmptyField({ question, kind, options }) {
  if (!question.trim()) return 'question';
  const place = kind === 'rating' ? -1 : options.findIndex(({ label }) => !label.trim());
  return place < 0 ? null : `options[${place}].label`;
}

/** Return the request body that creates the poll. Empty fields are left out. @param {Draft} draft */
export function createBody(draft) {
  const given = Object.entries(fieldsOf(draft)).filter(([, value]) => value !== null && value !== false);
  return {
    ...(draft.id.trim() ? { id: draft.id.trim() } : {}),
    ...Object.fromEntries(given),
  };
}

/**
 * Return the PATCH body that turns `before` into `after`: changed fields, and the zone of local times.
 * @param {Draft} before @param {Draft} after @returns {Record<string, any>} empty if nothing differs
 */
export function patchBody(before, after) {
  const next = fieldsOf(after);
  const patch = Object.fromEntries(differing(before, after).map((name) => [name, next[name] ?? null]));
  const isLocal = TIMES.some((name) => typeof patch[name] === 'string' && !patch[name].endsWith('Z'));
  return isLocal ? { ...patch, timezone: after.timezone } : patch;
}

/** Return the names of the fields in which two drafts differ. @param {Draft} one @param {Draft} other */
export function differing(one, other) {
  const [before, after] = [fieldsOf(one), fieldsOf(other)];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const same = (/** @type {string} */ name) => JSON.stringify(before[name] ?? null) === JSON.stringify(after[name] ?? null);
  // the service removes the fields that the new kind does not have
  return names.filter((name) => !same(name) && (name in after));
}

/** Return a copy of `into` with the named fields of `from`. @param {Draft} into @param {Draft} from @param {string[]} names @returns {Draft} */
export function withFields(into, from, names) {
  const taken = Object.fromEntries(names.map((name) => [name, /** @type {any} */ (from)[name]]));
  return structuredClone({ ...into, ...taken });
}

/** Return a readable id that is not in `taken`. @param {string} label @param {string[]} taken @param {number} place from 1 */
export function idFor(label, taken, place) {
  const plain = label.normalize('NFKD').replace(/[\u0300-\u036f]/g, '').toLowerCase();
  const words = plain.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 40);
  const stem = words || `option-${place}`;
  let id = stem;
  for (let count = 2; taken.includes(id); count += 1) id = `${stem}-${count}`;
  return id;
}

/** Return the options, each with an id. @param {Draft} draft */
export function namedOptions(draft) {
  const taken = draft.options.filter((option) => option.named).map((option) => option.id);
  return draft.options.map((option, index) => {
    if (option.named) return option;
    const id = idFor(option.label, taken, index + 1);
    taken.push(id);
    return { ...option, id };
  });
}

/** @param {Draft} draft */
function optionsOf(draft) {
  return namedOptions(draft).map(({ id, label, image, capacity }) => ({
    ...{ id: id.trim(), label: label.trim() },
    ...(image.trim() ? { image: image.trim() } : {}),
    ...(capacity.trim() ? { capacity: integerIn(capacity) ?? capacity } : {}),
  }));
}

/** @param {{min: string, max: string}} bounds */
function boundsOf({ min, max }) {
  const [least, most] = [integerIn(min), integerIn(max)];
  return { ...(least === null ? {} : { min: least }), ...(most === null ? {} : { max: most }) };
}

/** @param {TimeDraft} time @returns {string | null} */
function timeOf({ text, instant }) {
  return instant ?? (text || null);
}

/** @param {string} text */
function originsOf(text) {
  const sites = text.split(/[\s,]+/).filter(Boolean);
  return sites.length ? sites : null;
}

/** @param {string} text */
function integerIn(text) {
  return /^\d+$/.test(text.trim()) ? Number(text) : null;
}
