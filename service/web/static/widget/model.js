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
 * @property {'unknown' | 'gone' | 'unreachable' | 'unnamed' | null} trouble why there is no poll to show
 * @property {boolean} changing the voter asked to change the vote
 * @property {boolean} sending
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
 * @property {boolean} mine
 * @property {boolean} cameTrue
 */

/** Kinds of which this release can cast a ballot; of any other it shows the results. */
const PICKS = ['single', 'prediction'];
const SEVERAL = 'multiple';
const RATING = 'rating';

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
  return poll.kind === SEVERAL;
}

/** Whether this release knows how to ask for a vote of this kind. @param {Poll} poll */
export function canAsk(poll) {
  if (poll.kind === RATING) return Boolean(poll.scale);
  return Boolean(poll.options?.length) && !poll.forecast && (takesSeveral(poll) || PICKS.includes(poll.kind));
}

/** Whether the options are to be inputs now. @param {State} state */
export function isAsking(state) {
  const { poll, mine, changing, resultsOnly, trouble } = state;
  if (!poll || trouble || resultsOnly || phaseOf(state) !== 'open' || !canAsk(poll)) return false;
  return mine === null || changing;
}

/** @param {Poll} poll */
export function boundsOf(poll) {
  if (!takesSeveral(poll)) return { min: 1, max: 1 };
  const most = poll.options?.length ?? 1;
  return { min: poll.choices?.min ?? 1, max: poll.choices?.max ?? most };
}

/** What is ticked, as a vote of the poll's kind. @param {Poll} poll @param {string[]} chosen */
export function choiceOf(poll, chosen) {
  if (takesSeveral(poll)) return chosen;
  return poll.kind === RATING ? Number(chosen[0]) : chosen[0];
}

/** A standing vote as the ids of rows. @param {Standing | null} mine */
export function idsOf(mine) {
  return mine ? [mine.choice].flat().map(String) : [];
}

/** Pictures on the service itself are named without its address. @param {Poll} poll @param {string} base @returns {Poll} */
export function withAddresses(poll, base) {
  const absolute = (/** @type {string | null | undefined} */ image) => (image ? new URL(image, base).href : null);
  return { ...poll, options: poll.options?.map((option) => ({ ...option, image: absolute(option.image) })) ?? null };
}

/**
 * Whether a frame tells of a poll that differs from the one we read: its times or options do, or it came
 * although no vote was counted, so something else changed.
 * @param {Poll} poll
 * @param {Results | null} held
 * @param {Results} results
 */
export function isOutdated(poll, held, results) {
  if (held && !results.hidden && held.epoch === results.epoch && held.seq === results.seq) return true;
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
export function rowsOf({ poll, results, mine, ...state }) {
  const unshown = results?.hidden || phaseOf({ poll, results, mine, ...state }) === 'scheduled'; // all zero by then
  const counts = unshown ? null : results?.counts ?? null;
  const options = poll?.options?.length ? poll.options : valuesOf(poll, counts).map((id) => ({ id, label: id }));
  const most = Math.max(0, ...Object.values(counts ?? {}));
  const chosen = idsOf(mine);
  const outcome = (results?.resolution ?? poll?.resolution)?.outcome ?? null;
  return options.map((/** @type {import('../client/types.js').Option} */ { id, label, image }) => {
    const votes = counts ? counts[id] ?? 0 : null;
    return {
      id,
      label,
      image: image ?? null,
      votes,
      share: votes && results?.voters ? Math.min(1, votes / results.voters) : 0,
      leads: votes !== null && votes > 0 && votes === most,
      mine: chosen.includes(id),
      cameTrue: outcome === id,
    };
  });
}
