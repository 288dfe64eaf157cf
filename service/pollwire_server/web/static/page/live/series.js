/**
 * Data of the chart: the points of a poll's history, and a line for each option. Pure. Memory is bounded: a page
 * stores at most `MAX_POINTS` points.
 */

/**
 * @typedef {{at: number, voters: number, counts: Record<string, number>, forecast?: Record<string, number> | null}} Point at: ms since the epoch
 * @typedef {{id: string, label: string, values: number[]}} Line
 * @typedef {import('../../client/types.js').Poll} Poll
 */

export const MAX_POINTS = 240;
/** More lines cannot be distinguished. */
export const MAX_LINES = 6;

/** @param {{at: string, voters: number, counts: Record<string, number>, forecast?: Record<string, number> | null}} point */
export function parsePoint({ at, voters, counts, forecast }) {
  return { at: Date.parse(at), voters, counts, forecast };
}

/**
 * Append a point, which is valid until the next one. Points without a change are dropped. The last point is replaced
 * if its neighbours are closer than one step of the chart. If there are too many points, every other one is removed.
 * @param {Point[]} points in the order of time; changed in place
 * @param {Point} next
 */
export function appendPoint(points, next) {
  const last = points.at(-1);
  if (last && (next.at < last.at || hasSameCounts(last, next))) return;
  const before = points.at(-2);
  const step = points.length ? (next.at - points[0].at) / MAX_POINTS : 0;
  if (last && before && Math.max(last.at - before.at, next.at - last.at) < step) points.pop();
  points.push(next);
  if (points.length > MAX_POINTS) decimate(points);
}

/** @param {Point} one @param {Point} other */
function hasSameCounts(one, other) {
  if (JSON.stringify(one.forecast) !== JSON.stringify(other.forecast)) return false;
  return one.voters === other.voters && Object.entries(other.counts).every(([id, votes]) => one.counts[id] === votes);
}

/** Remove every other point, except the first and the last. @param {Point[]} points */
export function decimate(points) {
  const remaining = points.filter((_, index) => index % 2 === 0 || index === points.length - 1);
  points.splice(0, points.length, ...remaining);
}

/** @param {Poll} poll */
export function isRating(poll) {
  return poll.kind === 'rating';
}

/**
 * Return the lines of the chart: the mean of a rating, else the shares of the first options of the ranking.
 * @param {Poll} poll
 * @param {Point[]} points
 * @param {string} meanLabel
 * @param {string[]} ranking the ids of the options, best first
 * @returns {Line[]}
 */
export function chartLines(poll, points, meanLabel, ranking) {
  if (isRating(poll)) return [{ id: 'mean', label: meanLabel, values: points.map(({ counts }) => meanRating(counts)) }];
  const shown = ranking.slice(0, MAX_LINES);
  return (poll.options ?? [])
    .filter(({ id }) => shown.includes(id))
    .map(({ id, label }) => ({ id, label, values: points.map(({ counts, voters, forecast }) => forecast?.[id] ?? (voters ? (counts[id] ?? 0) / voters : 0)) }));
}

/**
 * Return the ids of a ranked poll's options in the order of its runoff: the last to be eliminated first.
 *
 * Options that were never eliminated come first. They are ordered by the votes of the last round, then as given.
 * @param {string[]} ids
 * @param {import('./runoff_layout.js').Round[]} rounds
 */
export function orderByRounds(ids, rounds) {
  const last = rounds.at(-1)?.counts ?? {};
  const eliminated = new Map(rounds.map((round, index) => [round.eliminated, index]));
  const rank = (/** @type {string} */ id) => eliminated.get(id) ?? rounds.length + (last[id] ?? 0);
  return [...ids].sort((one, other) => rank(other) - rank(one));
}

/** @param {Record<string, number>} counts votes by value of the scale */
export function meanRating(counts) {
  let sum = 0;
  let votes = 0;
  for (const [value, count] of Object.entries(counts)) {
    sum += Number(value) * count;
    votes += count;
  }
  return votes ? sum / votes : 0;
}

/** Return the maximum of the axis: the smallest of a few round shares above all lines. @param {Line[]} lines */
export function axisMaximum(lines) {
  const highest = Math.max(0, ...lines.flatMap(({ values }) => values));
  return [0.2, 0.4, 0.6, 0.8].find((top) => highest <= top * 0.96) ?? 1;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR]
  .concat([1, 2, 7, 14, 30, 61, 91, 182, 365, 730].map((days) => days * DAY));

/**
 * Return the ticks of the time axis, at round local times.
 * @param {number} from
 * @param {number} to
 * @param {number} maxTicks
 */
export function timeTicks(from, to, maxTicks) {
  const step = STEPS.find((length) => (to - from) / length <= maxTicks) ?? STEPS[STEPS.length - 1];
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((from - offset) / step) * step + offset;
  const ticks = [];
  for (let at = first; at <= to; at += step) ticks.push(at);
  return { ticks, step };
}

/** Return the date format of ticks. @param {number} step @returns {Intl.DateTimeFormatOptions} */
export function tickFormat(step) {
  if (step < MINUTE) return { hour: 'numeric', minute: '2-digit', second: '2-digit' };
  if (step < DAY) return { hour: 'numeric', minute: '2-digit' };
  if (step < 30 * DAY) return { day: 'numeric', month: 'short' };
  return { month: 'short', year: 'numeric' };
}
