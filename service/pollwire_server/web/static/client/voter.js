/**
 * Who votes: the anonymous voter of this browser, known to one service by a signed token; or, in a poll
 * whose `identity` is `signed`, the person whom the site around has signed in, known by the site's token.
 *
 * Ours is kept under the service's address, the site's never: it is asked for each time it is needed.
 */
import { ask } from './http.js';
import { PollwireError } from './errors.js';
import { drop, keep, kept } from './storage.js';

/** A token with less life than this is renewed when it is next used: same voter, fresh date. */
const RENEW_BEFORE_MS = 30 * 24 * 3600 * 1000;

/** @typedef {{token: string, expires_at: string}} Token */
/** @typedef {import('./types.js').Poll} Poll */

export class Voter {
  /** @type {(() => string | null | undefined | Promise<string | null | undefined>) | null} gives the site's token for its signed-in person */
  site = null;
  /** @type {Promise<string> | null} */
  #asking = null;

  /** @param {string} base */
  constructor(base) {
    this.base = base;
    this.key = `pollwire:${base}`;
  }

  /** Something of this browser's own, by which a voter's order of options stays the same. @returns {string} */
  get seed() {
    const key = `${this.key}seed`;
    const seed = kept(key) ?? Math.random().toString(36);
    keep(key, seed);
    return seed;
  }

  /** The token of somebody who was here before, or whom the site knows; else null. @param {Poll} poll */
  async known(poll) {
    return poll.identity === 'signed' ? (await this.site?.()) || null : this.#kept()?.token ?? null;
  }

  /**
   * The voter's token; an anonymous one is asked for now where there is none.
   * @param {Poll} poll what it is for: the page's site may be allowed by that poll alone
   * @returns {Promise<string>}
   * @throws {PollwireError} 401 where the poll is for people of the site, and the site knows nobody here
   */
  async token(poll) {
    const known = await this.known(poll);
    if (poll.identity === 'signed') {
      if (known) return known;
      throw new PollwireError(401, 'voter-token-required', 'This poll is for people whom its site has signed in.');
    }
    if (known && this.#lasts(this.#kept())) return known;
    this.#asking ??= alone(this.key, () => this.#obtain(poll)).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** Forget a token that the service does not accept. @param {string} token */
  forget(token) {
    if (this.#kept()?.token === token) drop(this.key);
  }

  /** A ticket to see on a stream what this voter may see; null for somebody unknown. @param {Poll} poll */
  async ticket(poll) {
    const token = await this.known(poll);
    if (!token) return null;
    /** @type {{ticket: string}} */
    const { ticket } = await ask(this.base, forPoll('v1/tickets', poll), { method: 'POST', token });
    return ticket;
  }

  /** @param {Poll} poll */
  async #obtain(poll) {
    const before = this.#kept(); // another tab may have been first
    if (before && this.#lasts(before)) return before.token;
    const token = await this.#issued(forPoll('v1/voters', poll), before?.token ?? null);
    keep(this.key, token);
    return token.token;
  }

  /** @param {Token | null} token */
  #lasts(token) {
    return token && Date.parse(token.expires_at) - Date.now() > RENEW_BEFORE_MS;
  }

  /** @param {string} path @param {string | null} former @returns {Promise<Token>} */
  async #issued(path, former) {
    try {
      return await ask(this.base, path, { method: 'POST', token: former });
    } catch (error) {
      if (!(error instanceof PollwireError)) throw error;
      if (error.slug === 'challenge-required') return this.#worked(path, error);
      if (!former || error.status !== 401) throw error;
      return this.#issued(path, null);
    }
  }

  /** For the work that is asked of many who come at once. @param {string} path @param {PollwireError} error */
  async #worked(path, error) {
    const { solve } = await import(new URL('./proof_of_work.js', import.meta.url).href);
    const challenge = await solve(error.facts.challenge);
    if (!challenge) throw error;
    return ask(this.base, path, { method: 'POST', body: { challenge } });
  }

  /** @returns {Token | null} */
  #kept() {
    const token = kept(this.key);
    return typeof token?.token === 'string' ? token : null;
  }
}

/** @param {string} path @param {Poll} poll */
function forPoll(path, poll) {
  return `${path}?poll=${encodeURIComponent(poll.id)}`;
}

/**
 * One tab at a time, where the browser can promise it: two first votes in two tabs are then one voter's.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} act
 * @returns {Promise<T>}
 */
async function alone(name, act) {
  if (!globalThis.isSecureContext || !navigator.locks || origin === 'null') return act();
  return navigator.locks.request(name, act);
}
