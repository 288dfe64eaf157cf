/**
 * How long to wait before trying again, and what cuts the wait short.
 *
 * Full jitter: a random time up to a bound that doubles, so that ten thousand pages that lost one
 * server do not come back in step (Brooker, "Exponential Backoff and Jitter", 2015).
 */

/**
 * @param {number} attempt from 0
 * @param {{firstMs?: number, mostMs?: number}} [bounds]
 */
export function jitteredMs(attempt, { firstMs = 500, mostMs = 15000 } = {}) {
  return Math.random() * Math.min(mostMs, firstMs * 2 ** Math.min(attempt, 20));
}

/**
 * Resolves after `delayMs`, or as soon as the browser says that it is online again.
 * @param {number} delayMs
 * @returns {Promise<void>}
 */
export function pause(delayMs) {
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
