/**
 * Client module for pages: read a poll, vote, watch results.
 *
 *     import { connect } from 'https://polls.example/client.js';
 *     const polls = connect('https://polls.example/');
 *     const poll = await polls.poll('lunch');
 *     const stop = polls.watch('lunch', { results: ({ counts }) => draw(counts) });
 *     await polls.vote(poll, 'noodles');
 *
 * All clients and widgets of a page that use the same service share one connection and one voter. Polls with
 * `identity: signed` require a function that returns your site's JWT for the signed-in user:
 *
 *     const polls = connect('https://polls.example/', { getToken: () => session.pollToken });
 */
import { Clock } from './clock.js';
import { request } from './http.js';
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
   * Read a poll.
   * @param {string} id
   * @returns {Promise<Poll>}
   * @throws {import('./errors.js').PollwireError} status 404 if it does not exist
   */
  poll(id) {
    return request(this.base, `v1/polls/${encodeURIComponent(id)}`);
  }

  /**
   * Cast a vote, with retries for a minute. It counts once.
   * @param {Poll} poll
   * @param {import('./types.js').Choice} choice
   * @param {Parameters<Votes['cast']>[2]} [options]
   */
  async vote(poll, choice, options) {
    const vote = await this.votes.cast(poll, choice, options);
    this.receipts.set(poll.id, vote.receipt);
    return this.#refreshVisibility(poll, vote);
  }

  /**
   * Return this browser's current vote, or null.
   * @param {Poll} poll
   */
  async mine(poll) {
    const vote = await this.votes.ownVote(poll);
    return vote && this.#refreshVisibility(poll, vote);
  }

  /**
   * Withdraw the vote, if the poll allows it.
   * @param {Poll} poll
   * @param {Parameters<Votes['withdraw']>[1]} [onRetry]
   */
  async withdraw(poll, onRetry) {
    const withdrawn = await this.votes.withdraw(poll, onRetry);
    this.receipts.set(poll.id, undefined);
    return this.#refreshVisibility(poll, withdrawn);
  }

  /** Authenticate the stream, so that it has results that only voters may see. @param {Poll} poll @param {import('./types.js').Standing} vote */
  #refreshVisibility(poll, vote) {
    if (poll.results !== 'always') this.stream.authenticate(poll);
    return vote;
  }

  /**
   * Verify the receipt of this browser's vote. Return null without a receipt.
   * @param {string} id
   */
  check(id) {
    return this.receipts.check(id);
  }

  /**
   * Report results now and whenever they change. Older results are never reported.
   * @param {string} id
   * @param {import('./types.js').Watcher} watcher
   * @returns {() => void} stops watching
   */
  watch(id, watcher) {
    return this.stream.watch(id, watcher);
  }
}

/** @type {Map<string, Client>} */
const clients = new Map();

/**
 * Return the page's client of one service.
 * @param {string | URL} base the service's URL
 * @param {{getToken?: import('./voter.js').Voter['getToken']}} [options] `getToken` returns your site's JWT for the signed-in user
 */
export function connect(base, { getToken } = {}) {
  const url = new URL('.', base).href;
  const client = clients.get(url) ?? new Client(url);
  clients.set(url, client);
  if (getToken) client.voter.getToken = getToken;
  return client;
}
