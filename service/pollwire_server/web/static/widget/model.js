/**
 * What the widget is to show, derived from what is known. Pure: no document, no network, no clock.
 */

/**
 * @typedef {import('../client/types.js').Poll} Poll
 * @typedef {import('../client/types.js').Results} Results
 * @typedef {import('../client/types.js').Standing} Standing
 *
 * @typedef {object} State everything that the element knows
 * @property {Poll | null} poll
 * @property {Results | null} results
 * @property {Standing | null} mine
 * @property {import('../client/types.js').Connection} connection
 * @property {'unknown' | 'gone' | 'unreachable' | 'refused' | null} trouble why there is no poll to show
 * @property {boolean} changing the voter asked to change the vote
 * @property {boolean} sending
 * @property {boolean} checkable a receipt of the vote is kept
 * @property {string | null} notice what happened last, in a sentence
 * @property {boolean} resultsOnly
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string} label
 * @property {string | null} image
 * @property {number | null} votes null while totals are hidden
 * @property {number} share 0 to 1
 * @property {boolean} leads
 * @property {number} mine the place in the voter's choice, from 1; 0 where it is not in it
 * @property {boolean} full has no place left for this voter
 * @property {boolean} cameTrue
 */

/** Kinds of which one option is picked. */
const PICKS = ['single', 'prediction'];

/** @returns {State} */
export function nothingKnown() {
  return {
    poll: null,
    results: null,
    mine: null,
    connection: 'connecting',
    trouble: null,
    changing: false,
    sending: false,
    checkable: false,
    notice: null,
    resultsOnly: false,
  };
}

/** The newest word on the phase: frames come later than the poll was read. @param {State} state */
export function phaseOf({ poll, results }) {
  return results?.phase ?? poll?.phase ?? 'unknown';
}

/** @param {Poll} poll */
export function takesSeveral(poll) {
  return poll.kind === 'multiple';
}

/** @param {Poll} poll */
export function isRanked(poll) {
  return poll.kind === 'ranked';
}

/** Whether this release knows how to ask for a vote of this kind. @param {Poll} poll */
export function canAsk(poll) {
  if (poll.kind === 'rating') return Boolean(poll.scale);
  return Boolean(poll.options?.length) && !poll.forecast && (takesSeveral(poll) || isRanked(poll) || PICKS.includes(poll.kind));
}

/** Whether the options are to be inputs now. @param {State} state */
export function isAsking(state) {
  const { poll, mine, changing, resultsOnly, trouble } = state;
  if (!poll || trouble || resultsOnly || phaseOf(state) !== 'open' || !canAsk(poll)) return false;
  return mine === null || changing;
}

/** How many options a choice names. @param {Poll} poll */
export function boundsOf(poll) {
  const most = poll.options?.length ?? 1;
  if (isRanked(poll)) return { min: 1, max: most };
  if (!takesSeveral(poll)) return { min: 1, max: 1 };
  return { min: poll.choices?.min ?? 1, max: poll.choices?.max ?? most };
}

/** What is ticked or ranked, as a vote of the poll's kind. @param {Poll} poll @param {string[]} chosen */
export function choiceOf(poll, chosen) {
  if (takesSeveral(poll) || isRanked(poll)) return chosen;
  return poll.kind === 'rating' ? Number(chosen[0]) : chosen[0];
}

/** A choice as the ids of rows; none for probabilities. @param {import('../client/types.js').Choice | undefined} choice */
export function idsOf(choice) {
  if (choice === undefined || (typeof choice === 'object' && !Array.isArray(choice))) return [];
  return [choice].flat().map(String);
}

/** The newest word on it: it may have been taken back since the poll was read. @param {State} state */
export function resolutionOf({ poll, results }) {
  return (results ?? poll)?.resolution ?? null;
}

/**
 * The poll as this page shows it: pictures on the service itself are named without its address, and where the
 * poll asks for it, options stand in an order of this voter's own, the same each time.
 * @param {Poll} poll
 * @param {string} base
 * @param {() => string} seed of this voter
 * @returns {Poll}
 */
export function asShown(poll, base, seed) {
  const options = poll.options?.map((option) => ({ ...option, image: absolute(option.image, base) })) ?? null;
  if (poll.shuffle && options) {
    const own = seed() + poll.id;
    options.sort((one, other) => mixed(own + one.id) - mixed(own + other.id));
  }
  return { ...poll, options };
}

/** @param {string | null | undefined} image @param {string} base */
function absolute(image, base) {
  return image && URL.canParse(image, base) ? new URL(image, base).href : null;
}

/** A text as a number that looks like chance (FNV-1a, read twice so that all letters reach all bits). @param {string} text */
function mixed(text) {
  return [...text, ...text].reduce((hash, letter) => Math.imul(hash ^ Number(letter.codePointAt(0)), 16777619) >>> 0, 2166136261);
}

/**
 * Whether a frame tells of a poll that differs from the one we read: its times or options do, or it came
 * although no vote was counted (where totals are hidden none is told of), so something else changed.
 * @param {Poll} poll
 * @param {Results | null} held
 * @param {Results} results
 */
export function isOutdated(poll, held, results) {
  if (held && held.epoch === results.epoch && held.seq === results.seq) return true;
  if (poll.closes_at !== results.closes_at || poll.phase !== results.phase) return true;
  if (!results.counts || !poll.options?.length) return false;
  const known = new Set(poll.options.map((option) => option.id));
  const counted = Object.keys(results.counts);
  return counted.length !== known.size || counted.some((id) => !known.has(id));
}

/** What a poll without options counts: its scale, or whatever the totals name. @param {Poll | null} poll @param {Record<string, number> | null} counts */
function valuesOf(poll, counts) {
  const scale = poll?.scale;
  if (!scale) return Object.keys(counts ?? {});
  return Array.from({ length: scale.max - scale.min + 1 }, (_, step) => String(scale.min + step));
}

/** @param {State} state @returns {Row[]} */
export function rowsOf(state) {
  const { poll, results, mine } = state;
  const unshown = results?.hidden || phaseOf(state) === 'scheduled'; // all zero by then
  const counts = unshown ? null : results?.counts ?? null;
  const options = poll?.options?.length ? poll.options : valuesOf(poll, counts).map((id) => ({ id, label: id }));
  const most = Math.max(0, ...Object.values(counts ?? {}));
  const chosen = idsOf(mine?.choice);
  const outcome = resolutionOf(state)?.outcome ?? null;
  return options.map((/** @type {import('../client/types.js').Option} */ { id, label, image, capacity }) => {
    const votes = counts ? counts[id] ?? 0 : null;
    const place = chosen.indexOf(id) + 1;
    return {
      id,
      label,
      image: image ?? null,
      votes,
      share: votes && results?.voters ? Math.min(1, votes / results.voters) : 0,
      leads: votes !== null && votes > 0 && votes === most,
      mine: place,
      full: !place && Boolean(capacity) && (votes ?? 0) >= Number(capacity),
      cameTrue: outcome === id,
    };
  });
}
