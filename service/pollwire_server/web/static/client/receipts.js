/**
 * Receipts of this browser's votes. With a receipt a voter can verify later that the vote is counted.
 *
 * The service signs a receipt, and it names no person. It is stored in this browser only.
 */
import { request } from './http.js';
import { readItem, removeItem, writeItem } from './storage.js';

/** @typedef {{valid: boolean, counted: boolean, choice: import('./types.js').Choice, at: string,
 *   reason?: 'replaced' | 'archived' | 'gone'}} Proof */

export class Receipts {
  /** @param {string} base */
  constructor(base) {
    this.base = base;
  }

  /** Return the receipt of this browser's vote in a poll, or null. @param {string} poll @returns {string | null} */
  get(poll) {
    return readItem(this.#key(poll));
  }

  /** Store the receipt of a vote, or remove it. @param {string} poll @param {string | undefined} receipt undefined: the vote was withdrawn */
  set(poll, receipt) {
    if (receipt) writeItem(this.#key(poll), receipt);
    else removeItem(this.#key(poll));
  }

  /**
   * Return the current state of the receipt, as verified by the service.
   * @param {string} poll
   * @returns {Promise<Proof | null>} null without a receipt
   */
  async check(poll) {
    const receipt = this.get(poll);
    return receipt && request(this.base, `v1/polls/${encodeURIComponent(poll)}/receipts`, { method: 'POST', body: { receipt } });
  }

  /** @param {string} poll */
  #key(poll) {
    return `pollwire:${this.base}#${poll}`;
  }
}
