/**
 * Votes per second, from results: every counted vote or change raises `seq` by one within an epoch.
 */

/** @typedef {import('../types.js').Results} Results */

const WINDOW_MS = 10_000;
const BUCKETS = 60;
const BUCKET_MS = 1000;

export class VoteRate {
  /** Newest known position. Counting begins with the first. @type {{epoch: string, seq: number} | null} */
  #last = null;
  #aheadMs = 0;
  /** Votes by second. @type {Map<number, number>} */
  #seconds = new Map();

  /** @param {Results} results */
  note({ epoch, seq, as_of }) {
    const at = Date.parse(as_of);
    this.#aheadMs = at - performance.now();
    if (this.#last?.epoch === epoch && seq > this.#last.seq) this.#count(Math.floor(at / BUCKET_MS), seq - this.#last.seq);
    this.#last = { epoch, seq };
  }

  /** @param {number} second @param {number} votes */
  #count(second, votes) {
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + votes);
    for (const old of this.#seconds.keys()) if (old < second - BUCKETS) this.#seconds.delete(old);
  }

  /** Return the mean rate of the last ten seconds. */
  get perSecond() {
    const now = performance.now() + this.#aheadMs;
    let votes = 0;
    for (const [second, counted] of this.#seconds) if (second * BUCKET_MS > now - WINDOW_MS) votes += counted;
    return votes / (WINDOW_MS / 1000);
  }

  /** Return the votes in each of the last sixty seconds, oldest first. */
  get minute() {
    const now = Math.floor((performance.now() + this.#aheadMs) / BUCKET_MS);
    return Array.from({ length: BUCKETS }, (_, place) => this.#seconds.get(now - BUCKETS + 1 + place) ?? 0);
  }
}
