/**
 * Options that lead, by the rule of the poll's kind. Pure. The widget, the live page and the console use this module,
 * so that all emphasize the same options.
 */

/**
 * @typedef {object} ResultValues
 * @property {boolean} [hidden]
 * @property {Record<string, number>} [counts]
 * @property {Record<string, number> | null} [forecast]
 * @property {string[]} [leading]
 */

/**
 * Return the ids of the leading options: several in a tie, none without votes.
 *
 * Instant runoff decides a `ranked` poll, and the service names the leaders. The highest mean probability leads a
 * forecast. The result of a `rating` is its mean, so no value leads. In all other polls the most votes lead.
 * @param {string | undefined} kind
 * @param {ResultValues | null | undefined} results
 * @returns {string[]}
 */
export function leadingIds(kind, results) {
  if (!results || results.hidden || kind === 'rating') return [];
  if (kind === 'ranked') return results.leading ?? [];
  const values = valuesOf(results);
  const highest = Math.max(0, ...Object.values(values));
  return Object.keys(values).filter((id) => highest && values[id] === highest);
}

/**
 * Return the ids in the order of the result: the leading options, then by probability or votes, equals as given.
 * @param {string[]} ids
 * @param {string | undefined} kind
 * @param {ResultValues | null | undefined} results
 */
export function orderByResult(ids, kind, results) {
  const leading = leadingIds(kind, results);
  const values = valuesOf(results);
  const rank = (/** @type {string} */ id) => (leading.includes(id) ? Number.MAX_VALUE : values[id] ?? 0);
  return [...ids].sort((one, other) => rank(other) - rank(one));
}

/** Return the value by which options are compared. @param {ResultValues | null | undefined} results @returns {Record<string, number>} */
function valuesOf(results) {
  return results?.forecast ?? results?.counts ?? {};
}
