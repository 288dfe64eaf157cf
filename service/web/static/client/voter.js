/**
 * Who votes: the anonymous voter of this browser, known to one service by a signed token.
 *
 * The token is kept in localStorage under the service's address, and in memory where storage is
 * forbidden (private windows, sandboxed frames); then the voter lasts as long as the page.
 */
import { ask } from './http.js';
import { PollwireError } from './errors.js';

/** A token with less life than this is renewed when it is next used: same voter, fresh date. */
const RENEW_BEFORE_MS = 30 * 24 * 3600 * 1000;

/** @typedef {{token: string, expires_at: string}} Token */

export class Voter {
  /** @type {Token | null} */
  #inMemory = null;
  /** @type {Promise<string> | null} */
  #asking = null;

  /** @param {string} base */
  constructor(base) {
    this.base = base;
    this.key = `pollwire:${base}`;
  }

  /** The token of a voter who was here before, or null. */
  get known() {
    return this.#kept()?.token ?? null;
  }

  /**
   * The voter's token; asked for now where there is none.
   * @param {string} pollId what it is for: the page's site may be allowed by that poll alone
   * @returns {Promise<string>}
   */
  token(pollId) {
    const kept = this.#kept();
    if (kept && Date.parse(kept.expires_at) - Date.now() > RENEW_BEFORE_MS) return Promise.resolve(kept.token);
    this.#asking ??= alone(this.key, () => this.#obtain(pollId)).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /** Forget a token that the service does not accept. @param {string} token */
  forget(token) {
    if (this.#kept()?.token !== token) return;
    this.#inMemory = null;
    withStorage((storage) => storage.removeItem(this.key));
  }

  /** A ticket to see on a stream what this voter may see; null for somebody unknown. @param {string} pollId */
  async ticket(pollId) {
    const token = this.known;
    if (!token) return null;
    /** @type {{ticket: string}} */
    const { ticket } = await ask(this.base, forPoll('v1/tickets', pollId), { method: 'POST', token });
    return ticket;
  }

  /** @param {string} pollId */
  async #obtain(pollId) {
    const kept = this.#kept(); // another tab may have been first
    if (kept && Date.parse(kept.expires_at) - Date.now() > RENEW_BEFORE_MS) return kept.token;
    const token = await this.#issued(forPoll('v1/voters', pollId), kept?.token ?? null);
    this.#inMemory = token;
    withStorage((storage) => storage.setItem(this.key, JSON.stringify(token)));
    return token.token;
  }

  /** @param {string} path @param {string | null} former @returns {Promise<Token>} */
  async #issued(path, former) {
    try {
      return await ask(this.base, path, { method: 'POST', token: former });
    } catch (error) {
      if (!former || !(error instanceof PollwireError) || error.status !== 401) throw error;
      return ask(this.base, path, { method: 'POST' });
    }
  }

  /** @returns {Token | null} */
  #kept() {
    const text = withStorage((storage) => storage.getItem(this.key));
    if (!text) return this.#inMemory;
    try {
      const token = JSON.parse(text);
      return typeof token?.token === 'string' ? token : null;
    } catch {
      return null;
    }
  }
}

/** @param {string} path @param {string} pollId */
function forPoll(path, pollId) {
  return `${path}?poll=${encodeURIComponent(pollId)}`;
}

/**
 * @template T
 * @param {(storage: Storage) => T} act
 * @returns {T | null} null where storage is forbidden or full
 */
function withStorage(act) {
  try {
    return act(localStorage);
  } catch {
    return null;
  }
}

/**
 * One tab at a time, where the browser can promise it: two first votes in two tabs are then one voter's.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} act
 * @returns {Promise<T>}
 */
async function alone(name, act) {
  if (!isSecureContext || !navigator.locks || origin === 'null') return act();
  return navigator.locks.request(name, act);
}
