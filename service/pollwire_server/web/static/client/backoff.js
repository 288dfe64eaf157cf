/**
 * Exponential backoff with full jitter (Brooker, "Exponential Backoff and Jitter", 2015).
 *
 * The delay is random up to a bound that doubles, so ten thousand pages that lost one server do not reconnect at once.
 */

/**
 * Return the delay before a retry.
 * @param {number} attempt from 0
 * @param {{firstMs?: number, maxMs?: number}} [bounds]
 */
export function jitteredDelayMs(attempt, { firstMs = 500, maxMs = 15000 } = {}) {
  return Math.random() * Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 20));
}

/**
 * Wait for `delayMs`, or until the browser is online again.
 * @param {number} delayMs
 * @returns {Promise<void>}
 */
export function delay(delayMs) {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.('online', finish);
      resolve();
    };
    const timer = setTimeout(finish, delayMs);
    globalThis.addEventListener?.('online', finish); // Node has no such event
  });
}
