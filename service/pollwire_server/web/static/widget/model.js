/**
 * State of the widget, and values derived from it. Pure: no DOM, no network, no clock.
 */
import { leadingIds } from '../results/leading.js';
import { sharesOf } from '../results/shares.js';

/**
 * @typedef {import('../client/types.js').Poll} Poll
 * @typedef {import('../client/types.js').Results} Results
 * @typedef {import('../client/types.js').Standing} Standing
 *
 * @typedef {object} State
 * @property {Poll | null} poll
 * @property {Results | null} results
 * @property {Standing | null} mine
 * @property {import('../client/types.js').Connection} connection
 * @property {'unknown' | 'gone' | 'unreachable' | 'refused' | null} trouble the reason why no poll is shown
 * @property {boolean} changing the voter is changing the vote
 * @property {boolean} sending
 * @property {boolean} checkable a receipt of the vote is stored
 * @property {string | null} notice message of the last action
 * @property {boolean} resultsOnly
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string} label
 * @property {string | null} image
 * @property {number | null} votes null while totals are hidden
 * @property {number} share 0 to 1
 * @property {number} roundedShare
 * @property {number} digits decimals of the rounded shares in percent
 * @property {boolean} isLeading
 * @property {number} ownRank position in the voter's choice, from 1; 0 if not chosen
 * @property {number | null} ownProbability in the voter's forecast, rounded; null in other polls
 * @property {boolean} isFull no capacity left for this voter
 * @property {boolean} isCorrect
 */

const SINGLE_CHOICE_KINDS = ['single', 'prediction'];

/** @returns {State} */
export function initialState() {
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

/** Return the current phase. Frames are newer than the poll. @param {State} state */
export function currentPhase({ poll, results }) {
  return results?.phase ?? poll?.phase ?? 'unknown';
}

/** @param {Poll} poll */
export function isMultiple(poll) {
  return poll.kind === 'multiple';
}

/** @param {Poll} poll */
export function isRanked(poll) {
  return poll.kind === 'ranked';
}

/** Return true if this release has a ballot for the poll's kind. @param {Poll} poll */
export function canVoteIn(poll) {
  if (poll.kind === 'rating') return Boolean(poll.scale);
  return Boolean(poll.options?.length) && (isMultiple(poll) || isRanked(poll) || SINGLE_CHOICE_KINDS.includes(poll.kind));
}

/** Return true if the options are inputs now. @param {State} state */
export function isBallotShown(state) {
  const { poll, mine, changing, resultsOnly, trouble } = state;
  if (!poll || trouble || resultsOnly || currentPhase(state) !== 'open' || !canVoteIn(poll)) return false;
  return mine === null || changing;
}

/** Return the allowed number of options in a choice. @param {Poll} poll */
export function choiceBounds(poll) {
  const optionCount = poll.options?.length ?? 1;
  if (poll.forecast) return { min: optionCount, max: optionCount };
  if (isRanked(poll)) return { min: 1, max: optionCount };
  if (!isMultiple(poll)) return { min: 1, max: 1 };
  return { min: poll.choices?.min ?? 1, max: poll.choices?.max ?? optionCount };
}

/** Convert selected ids to a choice of the poll's kind. @param {Poll} poll @param {string[]} selected */
export function toChoice(poll, selected) {
  if (isMultiple(poll) || isRanked(poll)) return selected;
  return poll.kind === 'rating' ? Number(selected[0]) : selected[0];
}

/** Return the ids of the rows in a choice; none for probabilities. @param {import('../client/types.js').Choice | undefined} choice */
export function choiceIds(choice) {
  if (choice === undefined || (typeof choice === 'object' && !Array.isArray(choice))) return [];
  return [choice].flat().map(String);
}

/** Return the rounded probabilities of a forecast; null for other choices. @param {import('../client/types.js').Choice | undefined} choice @param {string[]} ids */
function probabilitiesIn(choice, ids) {
  return choice && typeof choice === 'object' && !Array.isArray(choice) ? sharesOf({ forecast: choice }, ids).shares : null;
}

/** Return the current resolution. It may have been undone since the poll was read. @param {State} state */
export function currentResolution({ poll, results }) {
  return (results ?? poll)?.resolution ?? null;
}

/**
 * Prepare a poll for display: resolve relative URLs of pictures, and shuffle the options if the poll requires it.
 * The order is the same each time for one voter.
 * @param {Poll} poll
 * @param {string} base
 * @param {() => string} seed returns the voter's seed
 * @returns {Poll}
 */
export function preparePoll(poll, base, seed) {
  const options = poll.options?.map((option) => ({ ...option, image: absoluteUrl(option.image, base) })) ?? null;
  if (poll.shuffle && options) {
    const prefix = seed() + poll.id;
    options.sort((one, other) => hashText(prefix + one.id) - hashText(prefix + other.id));
  }
  return { ...poll, options };
}

/** @param {string | null | undefined} image @param {string} base */
function absoluteUrl(image, base) {
  return image && URL.canParse(image, base) ? new URL(image, base).href : null;
}

/** Hash a text (FNV-1a, applied twice so that all letters affect all bits). @param {string} text */
function hashText(text) {
  return [...text, ...text].reduce((hash, letter) => Math.imul(hash ^ Number(letter.codePointAt(0)), 16777619) >>> 0, 2166136261);
}

/**
 * Return true if the poll may have changed since it was read: its times or options differ from the frame, or the
 * frame has the same `seq` as the previous one. Then no vote was counted, so something else changed.
 * @param {Poll} poll
 * @param {Results | null} previous
 * @param {Results} results
 */
export function isPollOutdated(poll, previous, results) {
  if (previous && previous.epoch === results.epoch && previous.seq === results.seq) return true;
  if (poll.closes_at !== results.closes_at || poll.phase !== results.phase) return true;
  if (!results.counts || !poll.options?.length) return false;
  const known = new Set(poll.options.map((option) => option.id));
  const counted = Object.keys(results.counts);
  return counted.length !== known.size || counted.some((id) => !known.has(id));
}

/** Return the values of a poll without options: its scale, or those of the totals. @param {Poll | null} poll @param {Record<string, number> | null} counts */
function scaleValues(poll, counts) {
  const scale = poll?.scale;
  if (!scale) return Object.keys(counts ?? {});
  return Array.from({ length: scale.max - scale.min + 1 }, (_, step) => String(scale.min + step));
}

/** @param {State} state @returns {Row[]} */
export function buildRows(state) {
  const { poll, results, mine } = state;
  const isHidden = results?.hidden || currentPhase(state) === 'scheduled'; // before opening all counts are 0
  const counts = isHidden ? null : results?.counts ?? null;
  const options = poll?.options?.length ? poll.options : scaleValues(poll, counts).map((id) => ({ id, label: id }));
  const ids = options.map(({ id }) => id);
  const { shares, digits } = sharesOf(results, ids);
  const probabilities = probabilitiesIn(mine?.choice, ids);
  const leading = leadingIds(poll?.kind, results);
  const selected = choiceIds(mine?.choice);
  const outcome = currentResolution(state)?.outcome ?? null;
  return options.map((/** @type {import('../client/types.js').Option} */ { id, label, image, capacity }, index) => {
    const votes = counts ? counts[id] ?? 0 : null;
    const rank = selected.indexOf(id) + 1;
    return {
      id,
      label,
      image: image ?? null,
      votes,
      share: results?.forecast?.[id] ?? (votes && results?.voters ? Math.min(1, votes / results.voters) : 0),
      roundedShare: shares[index],
      digits,
      ownProbability: probabilities && probabilities[index],
      isLeading: leading.includes(id),
      ownRank: rank,
      isFull: !rank && Boolean(capacity) && (votes ?? 0) >= Number(capacity),
      isCorrect: outcome === id,
    };
  });
}
