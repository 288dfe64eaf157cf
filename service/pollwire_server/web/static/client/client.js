/**
 * Pollwire for a page: read a poll, vote in it, watch its results.
 *
 *     import { connect } from 'https://polls.example/client.js';
 *     const polls = connect('https://polls.example/');
 *     const poll = await polls.poll('lunch');
 *     const stop = polls.watch('lunch', { results: ({ counts }) => draw(counts) });
 *     await polls.vote(poll, 'noodles');
 *
 * Everything on a page that names the same service shares one connection and one voter. Where a poll is for
 * people whom your site has signed in, say how to get your token for them:
 *
 *     const polls = connect('https://polls.example/', { getToken: () => session.pollToken });
 */
import { Clock } from './clock.js';
import { ask } from './http.js';
import { Receipts } from './receipts.js';
import { Stream } from './stream.js';
import { Voter } from './voter.js';
import { Votes } from './votes.js';

export { PollwireError } from './errors.js';

/** @typedef {import('./types.js').Poll} Poll */

export class Client {
  /** @param {string} base */
  constructor(base) {
    this.base = base;
    this.clock = new Clock();
    this.voter = new Voter(base);
    this.votes = new Votes(base, this.voter);
    this.receipts = new Receipts(base);
    this.stream = new Stream(base, this.voter, this.clock);
  }

  /**
   * What is asked, and in which phase it is.
   * @param {string} id
   * @returns {Promise<Poll>}
   * @throws {import('./errors.js').PollwireError} status 404 where there is none
   */
  poll(id) {
    return ask(this.base, `v1/polls/${encodeURIComponent(id)}`);
  }

  /**
   * Counts once, however often the line breaks; rejects when it was refused, or not answered for a minute.
   * @param {Poll} poll
   * @param {import('./types.js').Choice} choice
   * @param {Parameters<Votes['cast']>[2]} [how]
   */
  async vote(poll, choice, how) {
    const standing = await this.votes.cast(poll, choice, how);
    this.receipts.put(poll.id, standing.receipt);
    return this.#seen(poll, standing);
  }

  /**
   * The vote of this browser that stands, or null.
   * @param {Poll} poll
   */
  async mine(poll) {
    const standing = await this.votes.mine(poll);
    return standing && this.#seen(poll, standing);
  }

  /**
   * Takes the vote back, where the poll lets voters do that.
   * @param {Poll} poll
   * @param {Parameters<Votes['withdraw']>[1]} [onRetry]
   */
  async withdraw(poll, onRetry) {
    const taken = await this.votes.withdraw(poll, onRetry);
    this.receipts.put(poll.id, undefined);
    return this.#seen(poll, taken);
  }

  /** Whoever has voted may see more on streams. @param {Poll} poll @param {import('./types.js').Standing} standing */
  #seen(poll, standing) {
    if (poll.results !== 'always') this.stream.identify(poll);
    return standing;
  }

  /**
   * Whether this browser's vote is counted, by its receipt; null where it has none.
   * @param {string} id
   */
  check(id) {
    return this.receipts.check(id);
  }

  /**
   * Results now and whenever they change, newest only, never an older one.
   * @param {string} id
   * @param {import('./types.js').Watcher} watcher
   * @returns {() => void} stops it
   */
  watch(id, watcher) {
    return this.stream.watch(id, watcher);
  }
}

/** @type {Map<string, Client>} */
const clients = new Map();

/**
 * The page's client of one service.
 * @param {string | URL} base its address
 * @param {{getToken?: import('./voter.js').Voter['site']}} [how] `getToken`: your site's token for whom it has signed in
 */
export function connect(base, { getToken } = {}) {
  const address = new URL('.', base).href;
  const client = clients.get(address) ?? new Client(address);
  clients.set(address, client);
  if (getToken) client.voter.site = getToken;
  return client;
}
