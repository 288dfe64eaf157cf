/**
 * The receipts of this browser's votes, so that a voter can ask later whether a vote is counted.
 *
 * A receipt is signed by the service and names no person; it is kept in this browser and nowhere else.
 */
import { ask } from './http.js';
import { drop, keep, kept } from './storage.js';

/** @typedef {{valid: boolean, counted: boolean, choice: import('./types.js').Choice, at: string,
 *   reason?: 'replaced' | 'archived' | 'gone'}} Proof */

export class Receipts {
  /** @param {string} base */
  constructor(base) {
    this.base = base;
  }

  /** The receipt of this browser's vote in a poll, or null. @param {string} poll @returns {string | null} */
  of(poll) {
    return kept(this.#key(poll));
  }

  /** @param {string} poll @param {string | undefined} receipt none: the vote was taken back */
  put(poll, receipt) {
    if (receipt) keep(this.#key(poll), receipt);
    else drop(this.#key(poll));
  }

  /**
   * What the service says that the vote is worth now.
   * @param {string} poll
   * @returns {Promise<Proof | null>} null where there is no receipt
   */
  async check(poll) {
    const receipt = this.of(poll);
    return receipt && ask(this.base, `v1/polls/${encodeURIComponent(poll)}/receipts`, { method: 'POST', body: { receipt } });
  }

  /** @param {string} poll */
  #key(poll) {
    return `pollwire:${this.base}#${poll}`;
  }
}
