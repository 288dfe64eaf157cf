/**
 * What a screen reader is told without being asked: what the voter did and that voting ended, at once;
 * how the totals stand, at most every ten seconds and then the newest only.
 */

const TOTALS_EVERY_MS = 10_000;

export class Announcer {
  /** @type {(() => string) | null} */
  #totals = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #lastAt = performance.now(); // the first totals are on the page; the reader finds them there

  /** @param {HTMLElement} region an element with `aria-live` */
  constructor(region) {
    this.region = region;
  }

  /** @param {string} text */
  atOnce(text) {
    this.region.textContent = text;
  }

  /** @param {() => string} totals says how they stand when it is their turn */
  soon(totals) {
    this.#totals = totals;
    this.#timer ??= setTimeout(() => this.#speak(), Math.max(0, this.#lastAt + TOTALS_EVERY_MS - performance.now()));
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #speak() {
    this.#timer = undefined;
    this.#lastAt = performance.now();
    if (this.#totals) this.region.textContent = this.#totals();
  }
}
