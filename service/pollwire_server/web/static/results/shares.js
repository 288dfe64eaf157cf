/**
 * Shares of votes, rounded together so that they add up to 100 %. Pure.
 *
 * Every page uses this module: the widget, the live page and the console. The command line has the same function
 * (`pollwire.terminal.shares`). Both are tested with the same vectors.
 */

/** @typedef {{forecast?: Record<string, number> | null, counts?: Record<string, number>, voters?: number}} ShareValues */

/** With fewer voters a tenth of a percent has no meaning. */
const TENTHS_FROM_VOTERS = 1000;
/** Probabilities of a forecast are compared in millionths, as the service stores them. */
const MICRO = 1e6;

/** Return the number of decimals of a share in percent. @param {number} whole */
export function shareDigits(whole) {
  return whole < TENTHS_FROM_VOTERS ? 0 : 1;
}

/**
 * Divide a whole number in proportion to the weights, by the largest remainder. Of equal remainders the first wins.
 * @param {number[]} weights
 * @param {number} total
 */
export function apportion(weights, total) {
  const sum = sumOf(weights);
  const parts = weights.map((weight) => Math.floor((weight * total) / sum));
  const remainder = (/** @type {number} */ index) => (weights[index] * total) % sum;
  const order = [...weights.keys()].sort((one, other) => remainder(other) - remainder(one));
  for (const index of order.slice(0, total - sumOf(parts))) parts[index] += 1;
  return parts;
}

/**
 * Return each count's share of a whole, from 0 to 1, rounded to `digits` decimals of a percent.
 *
 * Counts that add up to the whole have shares that add up to 1. A share is 0 or 1 only if it is exactly that.
 * Counts with another sum (several choices for each voter) are rounded one by one.
 * @param {number[]} counts
 * @param {number} whole
 * @param {number} [digits]
 */
export function roundShares(counts, whole, digits = shareDigits(whole)) {
  const total = 100 * 10 ** digits;
  if (whole <= 0) return counts.map(() => 0);
  const units = sumOf(counts) === whole ? apportionVisibly(counts, total) : counts.map((count) => roundVisibly((count * total) / whole, total));
  return units.map((unit) => unit / total);
}

/**
 * Return the rounded shares of these options, and their decimals in percent. They are shares of the mean forecast if
 * there is one, else of the voters.
 * @param {ShareValues | null | undefined} results
 * @param {string[]} ids
 */
export function sharesOf(results, ids) {
  const { forecast, counts, voters = 0 } = results ?? {};
  const whole = forecast ? MICRO : voters;
  const parts = ids.map((id) => (forecast ? Math.round(forecast[id] * MICRO) : counts?.[id]) || 0);
  return { shares: roundShares(parts, whole), digits: shareDigits(whole) };
}

/** Return a single proportion, from 0 to 1, rounded in the same way. @param {number} value @param {number} [digits] */
export function roundProportion(value, digits) {
  return roundShares([Math.round(value * MICRO)], MICRO, digits)[0];
}

/** Divide the total, with at least one unit for each count above 0, taken from the largest part. @param {number[]} counts @param {number} total */
function apportionVisibly(counts, total) {
  const units = apportion(counts, total);
  counts.forEach((count, index) => {
    const largest = units.indexOf(Math.max(...units));
    if (!count || units[index] || units[largest] < 2) return;
    units[largest] -= 1;
    units[index] = 1;
  });
  return units;
}

/** Round a number of units, but not to 0 or the total. @param {number} exact @param {number} total */
function roundVisibly(exact, total) {
  return exact % total ? Math.min(Math.max(Math.round(exact), 1), total - 1) : exact;
}

/** @param {number[]} numbers */
function sumOf(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0);
}
