/**
 * Announcements for screen readers. Results of the voter's actions and the end of voting are announced at once,
 * totals at most every ten seconds, the newest only.
 */

const TOTALS_INTERVAL_MS = 10_000;

export class Announcer {
  /** @type {(() => string) | null} */
  #createTotals = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #lastTotalsAt = performance.now(); // the first totals are part of the page and need no announcement

  /** @param {HTMLElement} region an element with `aria-live` */
  constructor(region) {
    this.region = region;
  }

  /** Announce a text at once. @param {string} text */
  announce(text) {
    this.region.textContent = text;
  }

  /** Schedule an announcement of the totals. @param {() => string} createText called when it is due */
  announceTotals(createText) {
    this.#createTotals = createText;
    this.#timer ??= setTimeout(() => this.#flush(), Math.max(0, this.#lastTotalsAt + TOTALS_INTERVAL_MS - performance.now()));
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flush() {
    this.#timer = undefined;
    this.#lastTotalsAt = performance.now();
    if (this.#createTotals) this.region.textContent = this.#createTotals();
  }
}
