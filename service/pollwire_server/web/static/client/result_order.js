/**
 * Which of two results stands: the one rule by which nobody sees totals go backwards.
 */

/**
 * Whether `next` may replace `held`: unless it is older by (epoch, seq); hidden totals always may, since
 * they say what this reader is allowed to see now.
 * @param {import('./types.js').Results | undefined} held
 * @param {import('./types.js').Results} next
 */
export function replaces(held, next) {
  if (held === undefined || next.hidden) return true;
  if (next.epoch !== held.epoch) return next.epoch > held.epoch;
  return next.seq >= held.seq;
}
