/**
 * The service's time, so that a countdown is right on a device whose clock is wrong.
 *
 * A frame's `as_of` was true when the store was read and reaches us later, so of several estimates the
 * furthest ahead is the best; one far behind means that the device slept, and replaces it.
 */

/** An estimate this far behind the best is no slow frame any more. */
const SLEPT_MS = 5000;

export class Clock {
  /** @type {number | null} */
  #aheadMs = null;

  /** @param {string} asOf */
  learn(asOf) {
    const aheadMs = Date.parse(asOf) - performance.now();
    if (Number.isNaN(aheadMs)) return;
    const best = this.#aheadMs;
    if (best === null || aheadMs > best || aheadMs < best - SLEPT_MS) this.#aheadMs = aheadMs;
  }

  /** Milliseconds since the epoch; the device's own idea until a frame has come. */
  now() {
    return this.#aheadMs === null ? Date.now() : performance.now() + this.#aheadMs;
  }
}
