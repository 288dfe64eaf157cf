/**
 * Identity of the voter: an anonymous voter with a token of the service, or in polls with `identity: signed` the
 * signed-in user with a JWT of the embedding site.
 *
 * The service's token is stored under the service's URL. The site's JWT is never stored but requested each time.
 */
import { request } from './http.js';
import { PollwireError } from './errors.js';
import { readItem, removeItem, writeItem } from './storage.js';

/** A token that expires earlier than this is renewed at its next use. The voter stays the same. */
const RENEW_BEFORE_MS = 30 * 24 * 3600 * 1000;

/** @typedef {{token: string, expires_at: string}} Token */
/** @typedef {import('./types.js').Poll} Poll */

export class Voter {
  /** @type {(() => string | null | undefined | Promise<string | null | undefined>) | null} returns the site's JWT for its signed-in user */
  getToken = null;
  /** @type {Promise<string> | null} */
  #pendingToken = null;

  /** @param {string} base */
  constructor(base) {
    this.base = base;
    this.storageKey = `pollwire:${base}`;
  }

  /** Random value of this browser that fixes the voter's order of shuffled options. @returns {string} */
  get seed() {
    const key = `${this.storageKey}seed`;
    const seed = readItem(key) ?? Math.random().toString(36);
    writeItem(key, seed);
    return seed;
  }

  /** Return the stored token or the site's JWT, or null. @param {Poll} poll */
  async currentToken(poll) {
    return poll.identity === 'signed' ? (await this.getToken?.()) || null : this.#storedToken()?.token ?? null;
  }

  /**
   * Return the voter's token. If an anonymous voter has none, one is issued.
   * @param {Poll} poll named in the request, because the page's origin may be allowed by this poll only
   * @returns {Promise<string>}
   * @throws {PollwireError} 401 if the poll requires a signed-in user and there is none
   */
  async ensureToken(poll) {
    const current = await this.currentToken(poll);
    if (poll.identity === 'signed') {
      if (current) return current;
      throw new PollwireError(401, 'voter-token-required', 'This poll requires a user signed in to its site.');
    }
    if (current && this.#isFresh(this.#storedToken())) return current;
    this.#pendingToken ??= withTabLock(this.storageKey, () => this.#refreshToken(poll)).finally(() => {
      this.#pendingToken = null;
    });
    return this.#pendingToken;
  }

  /** Remove a token that the service does not accept. @param {string} token */
  discardToken(token) {
    if (this.#storedToken()?.token === token) removeItem(this.storageKey);
  }

  /** Create a ticket that shows streams this voter's view. Return null without a token. @param {Poll} poll */
  async createTicket(poll) {
    const token = await this.currentToken(poll);
    if (!token) return null;
    /** @type {{ticket: string}} */
    const { ticket } = await request(this.base, withPoll('v1/tickets', poll), { method: 'POST', token });
    return ticket;
  }

  /** Issue or renew the token, and store it. @param {Poll} poll */
  async #refreshToken(poll) {
    const stored = this.#storedToken(); // another tab may have stored one meanwhile
    if (stored && this.#isFresh(stored)) return stored.token;
    const token = await this.#issueToken(withPoll('v1/voters', poll), stored?.token ?? null);
    writeItem(this.storageKey, token);
    return token.token;
  }

  /** @param {Token | null} token */
  #isFresh(token) {
    return token && Date.parse(token.expires_at) - Date.now() > RENEW_BEFORE_MS;
  }

  /** Request a token. A rejected previous one is replaced by that of a new voter. @param {string} path @param {string | null} previous @returns {Promise<Token>} */
  async #issueToken(path, previous) {
    try {
      return await request(this.base, path, { method: 'POST', token: previous });
    } catch (error) {
      if (!(error instanceof PollwireError)) throw error;
      if (error.slug === 'challenge-required') return this.#issueWithProofOfWork(path, error);
      if (!previous || error.status !== 401) throw error;
      return this.#issueToken(path, null);
    }
  }

  /**
   * Request a token with a solved challenge. The service may require a harder one in the meantime.
   * @param {string} path
   * @param {PollwireError} error
   * @returns {Promise<Token>}
   */
  async #issueWithProofOfWork(path, error, attempts = 3) {
    const { solve } = await import(new URL('./proof_of_work.js', import.meta.url).href);
    const challenge = await solve(error.facts.challenge);
    if (!challenge) throw error;
    try {
      return await request(this.base, path, { method: 'POST', body: { challenge } });
    } catch (next) {
      if (!(next instanceof PollwireError) || next.slug !== 'challenge-required' || attempts <= 1) throw next;
      return this.#issueWithProofOfWork(path, next, attempts - 1);
    }
  }

  /** @returns {Token | null} */
  #storedToken() {
    const token = readItem(this.storageKey);
    return typeof token?.token === 'string' ? token : null;
  }
}

/** Add the poll to a path. @param {string} path @param {Poll} poll */
function withPoll(path, poll) {
  return `${path}?poll=${encodeURIComponent(poll.id)}`;
}

/**
 * Run a task in one tab at a time, so that first votes in two tabs get one voter. Requires the Web Locks API.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} task
 * @returns {Promise<T>}
 */
async function withTabLock(name, task) {
  if (!globalThis.isSecureContext || !navigator.locks || origin === 'null') return task();
  return navigator.locks.request(name, task);
}
