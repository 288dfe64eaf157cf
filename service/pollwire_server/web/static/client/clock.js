/**
 * Estimate of the service's time, for countdowns on devices with a wrong clock.
 *
 * `as_of` of a frame is the time when the store was read; the frame arrives later. Every estimate is therefore
 * too low, and the highest is the best. An estimate far below it means that the device was suspended, and replaces it.
 */

/** An estimate this far below the best cannot come from a slow frame. */
const MAX_LAG_MS = 5000;

export class Clock {
  /** @type {number | null} */
  #offsetMs = null;

  /** Improve the estimate by the time of a frame. @param {string} asOf RFC 3339 */
  update(asOf) {
    const offsetMs = Date.parse(asOf) - performance.now();
    if (Number.isNaN(offsetMs)) return;
    const best = this.#offsetMs;
    if (best === null || offsetMs > best || offsetMs < best - MAX_LAG_MS) this.#offsetMs = offsetMs;
  }

  /** Return ms since the epoch; the device's time before the first frame. */
  now() {
    return this.#offsetMs === null ? Date.now() : performance.now() + this.#offsetMs;
  }
}
