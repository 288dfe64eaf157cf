/**
 * Sending a vote so that it is counted once, whatever the line does.
 *
 * The service looks the standing choice up first, so the same vote may be sent again until an answer
 * comes; where nobody is identified (`open` polls) an Idempotency-Key does the same. The key therefore
 * stays the same until the vote is answered for good, also when the voter presses the button again.
 */
import { ask } from './http.js';
import { PollwireError } from './errors.js';
import { jitteredMs, pause } from './backoff.js';

/** After this long without an answer the voter is told and may try again. */
const GIVE_UP_MS = 60_000;

/** @typedef {import('./types.js').Poll} Poll */
/** @typedef {import('./types.js').Choice} Choice */
/** @typedef {import('./types.js').Standing} Standing */

export class Votes {
  /** @type {Map<string, string>} unanswered votes of open polls: poll and choice to their key */
  #keys = new Map();

  /** @param {string} base @param {import('./voter.js').Voter} voter */
  constructor(base, voter) {
    this.base = base;
    this.voter = voter;
  }

  /**
   * @param {Poll} poll
   * @param {Choice} choice
   * @param {{revision?: number, onRetry?: (error: PollwireError, attempt: number) => void}} [how]
   *   `revision`: the standing choice that this one replaces, 0 for none; `onRetry` hears of each failed attempt
   * @returns {Promise<Standing>}
   */
  async cast(poll, choice, { revision, onRetry } = {}) {
    const name = `${poll.id} ${JSON.stringify(choice)}`;
    const headers = poll.identity === 'open' ? { 'Idempotency-Key': this.#keyOf(name) } : undefined;
    const body = revision === undefined ? { choice } : { choice, revision };
    const standing = await insisting(() => this.#asVoter(poll, '', { method: 'POST', body, headers }), onRetry);
    this.#keys.delete(name);
    return standing;
  }

  /**
   * The vote that stands, or null.
   * @param {Poll} poll
   * @returns {Promise<Standing | null>}
   */
  async mine(poll) {
    const token = await this.voter.known(poll);
    if (!token) return null;
    try {
      return await ask(this.base, `${votesOf(poll)}/mine`, { token });
    } catch (error) {
      if (error instanceof PollwireError && (error.status === 404 || error.status === 401)) return null;
      throw error;
    }
  }

  /**
   * @param {Poll} poll
   * @param {(error: PollwireError, attempt: number) => void} [onRetry]
   * @returns {Promise<Standing>}
   */
  withdraw(poll, onRetry) {
    return insisting(() => this.#asVoter(poll, '/mine', { method: 'DELETE' }), onRetry);
  }

  /**
   * With the voter's token; a token that the service no longer accepts is replaced, once.
   * @param {Poll} poll
   * @param {string} rest
   * @param {{method: string, body?: unknown, headers?: Record<string, string>}} request
   */
  async #asVoter(poll, rest, request) {
    const path = votesOf(poll) + rest;
    const token = await this.voter.token(poll);
    try {
      return await ask(this.base, path, { ...request, token });
    } catch (error) {
      if (!(error instanceof PollwireError) || error.status !== 401) throw error;
      this.voter.forget(token);
      return ask(this.base, path, { ...request, token: await this.voter.token(poll) });
    }
  }

  /** @param {string} name */
  #keyOf(name) {
    const key = this.#keys.get(name) ?? randomKey();
    this.#keys.set(name, key);
    return key;
  }
}

/** @param {Poll} poll */
function votesOf(poll) {
  return `v1/polls/${encodeURIComponent(poll.id)}/votes`;
}

/**
 * Again until answered: no answer, "busy" and "the store is away" pass; a refusal does not.
 * @template T
 * @param {() => Promise<T>} act
 * @param {((error: PollwireError, attempt: number) => void) | undefined} onRetry
 * @returns {Promise<T>}
 */
async function insisting(act, onRetry) {
  const start = performance.now();
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof PollwireError) || !error.passes) throw error;
      const backoffMs = jitteredMs(attempt, { firstMs: 600, mostMs: 8000 });
      const delayMs = (error.retryAfterMs ?? 200) + backoffMs;
      if (performance.now() - start + delayMs > GIVE_UP_MS) throw error;
      onRetry?.(error, attempt);
      await pause(delayMs);
    }
  }
}

/** 128 random bits; `crypto.randomUUID` would ask for https. */
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
