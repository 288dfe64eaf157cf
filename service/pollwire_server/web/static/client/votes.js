/**
 * Requests for votes. A vote is retried until it is answered, and counts once.
 *
 * Retries are safe: the service looks up the voter's current vote first. In polls without voters (`open`) an
 * Idempotency-Key has the same effect. The key stays the same until the vote is counted or the page is closed,
 * also if the voter presses the button again.
 */
import { request } from './http.js';
import { PollwireError } from './errors.js';
import { delay, jitteredDelayMs } from './backoff.js';

/** After this time without a response the call fails, and the voter may try again. */
const RETRY_TIMEOUT_MS = 60_000;

/** @typedef {import('./types.js').Poll} Poll */
/** @typedef {import('./types.js').Choice} Choice */
/** @typedef {import('./types.js').Standing} Standing */

export class Votes {
  /** @type {Map<string, string>} keys of unanswered votes in open polls, by poll and choice */
  #idempotencyKeys = new Map();

  /** @param {string} base @param {import('./voter.js').Voter} voter */
  constructor(base, voter) {
    this.base = base;
    this.voter = voter;
  }

  /**
   * Cast a vote.
   * @param {Poll} poll
   * @param {Choice} choice
   * @param {{revision?: number, onRetry?: (error: PollwireError, attempt: number) => void}} [options]
   *   `revision`: that of the vote to replace, 0 for none; `onRetry` is called after each failed attempt
   * @returns {Promise<Standing>}
   */
  async cast(poll, choice, { revision, onRetry } = {}) {
    const name = `${poll.id} ${JSON.stringify(choice)}`;
    const headers = poll.identity === 'open' ? { 'Idempotency-Key': this.#idempotencyKey(name) } : undefined;
    const body = revision === undefined ? { choice } : { choice, revision };
    const vote = await withRetries(() => this.#requestAsVoter(poll, '', { method: 'POST', body, headers }), onRetry);
    this.#idempotencyKeys.delete(name);
    return vote;
  }

  /**
   * Return the voter's current vote, or null.
   * @param {Poll} poll
   * @returns {Promise<Standing | null>}
   */
  async ownVote(poll) {
    const token = await this.voter.currentToken(poll);
    if (!token) return null;
    try {
      return await request(this.base, `${votesPath(poll)}/mine`, { token });
    } catch (error) {
      if (error instanceof PollwireError && (error.status === 404 || error.status === 401)) return null;
      throw error;
    }
  }

  /**
   * Withdraw the vote.
   * @param {Poll} poll
   * @param {(error: PollwireError, attempt: number) => void} [onRetry]
   * @returns {Promise<Standing>}
   */
  withdraw(poll, onRetry) {
    return withRetries(() => this.#requestAsVoter(poll, '/mine', { method: 'DELETE' }), onRetry);
  }

  /**
   * Send a request with the voter's token. A token that the service rejects is replaced once.
   * @param {Poll} poll
   * @param {string} suffix
   * @param {{method: string, body?: unknown, headers?: Record<string, string>}} init
   */
  async #requestAsVoter(poll, suffix, init) {
    const path = votesPath(poll) + suffix;
    const token = await this.voter.ensureToken(poll);
    try {
      return await request(this.base, path, { ...init, token });
    } catch (error) {
      if (!(error instanceof PollwireError) || error.status !== 401) throw error;
      this.voter.discardToken(token);
      return request(this.base, path, { ...init, token: await this.voter.ensureToken(poll) });
    }
  }

  /** Return the key of an unanswered vote. @param {string} name */
  #idempotencyKey(name) {
    const key = this.#idempotencyKeys.get(name) ?? randomKey();
    this.#idempotencyKeys.set(name, key);
    return key;
  }
}

/** @param {Poll} poll */
function votesPath(poll) {
  return `v1/polls/${encodeURIComponent(poll.id)}/votes`;
}

/**
 * Retry until the service answers. Network errors, 429 and 5xx are retried; other errors are thrown.
 * @template T
 * @param {() => Promise<T>} attemptOnce
 * @param {((error: PollwireError, attempt: number) => void) | undefined} onRetry
 * @returns {Promise<T>}
 */
async function withRetries(attemptOnce, onRetry) {
  const start = performance.now();
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await attemptOnce();
    } catch (error) {
      if (!(error instanceof PollwireError) || !error.passes) throw error;
      const backoffMs = jitteredDelayMs(attempt, { firstMs: 600, maxMs: 8000 });
      const delayMs = (error.retryAfterMs ?? 200) + backoffMs;
      if (performance.now() - start + delayMs > RETRY_TIMEOUT_MS) throw error;
      onRetry?.(error, attempt);
      await delay(delayMs);
    }
  }
}

/** Return 128 random bits as hexadecimal text. `crypto.randomUUID` would require https. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
