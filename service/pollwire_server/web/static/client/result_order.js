/**
 * Order of results. Because of it displayed totals never go backwards.
 */

/**
 * Return true if `next` replaces `current`: unless it is older by (epoch, seq). Hidden results always replace,
 * because they state what this reader may see now.
 * @param {import('./types.js').Results | undefined} current
 * @param {import('./types.js').Results} next
 */
export function replaces(current, next) {
  if (current === undefined || next.hidden) return true;
  if (next.epoch !== current.epoch) return next.epoch > current.epoch;
  return next.seq >= current.seq;
}
