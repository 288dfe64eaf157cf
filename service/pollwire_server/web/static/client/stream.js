/**
 * Live results for all watchers of a page, over one connection to the service.
 *
 * WebSockets come first. A page cannot see why a handshake failed, so after two failures the stream sends an HTTP
 * request. Without a response the service is unreachable, and the WebSocket is retried with full jitter. With a
 * response something on the way blocks WebSockets, and server-sent events, then polling, replace them for a while.
 * Older results are dropped on every transport.
 */
import { errorFromProblem, PollwireError } from './errors.js';
import { request } from './http.js';
import { replaces } from './result_order.js';
import { runWebSocket } from './websocket_transport.js';
import { delay, jitteredDelayMs } from './backoff.js';

/** Consecutive failed handshakes before a fallback is tried. */
const MAX_FAILED_HANDSHAKES = 2;
/** A connection that lasted this long resets the backoff. */
const STABLE_AFTER_MS = 5000;
/** Delay before subscribing again to a poll that the service could not read. */
const REWATCH_MS = 1000;

/** @typedef {import('./types.js').Watcher} Watcher */
/** @typedef {import('./types.js').Results} Results */
/** @typedef {import('./types.js').Connection} Connection */

export class Stream {
  /** @type {Map<string, Set<Watcher>>} */
  #watchers = new Map();
  /** @type {Map<string, Results>} */
  #latest = new Map();
  /** @type {import('./websocket_transport.js').TransportControls | null} */
  #controls = null;
  /** @type {Connection} */
  #connection = 'connecting';
  #running = false;
  /** @type {import('./types.js').Poll | null} the poll that tickets are created for; null for an anonymous stream */
  #authenticatedPoll = null;

  /**
   * @param {string} base
   * @param {import('./voter.js').Voter} voter
   * @param {import('./clock.js').Clock} clock
   */
  constructor(base, voter, clock) {
    this.base = base;
    this.voter = voter;
    this.clock = clock;
  }

  /**
   * Add a watcher of a poll. It receives the latest results at once if there are any.
   * @param {string} id
   * @param {Watcher} watcher
   * @returns {() => void} stops watching
   */
  watch(id, watcher) {
    const others = this.#watchers.get(id);
    if (others) others.add(watcher);
    else this.#watchers.set(id, new Set([watcher]));
    watcher.connection?.(this.#connection);
    const latest = this.#latest.get(id);
    if (latest) watcher.results(latest);
    if (!others) this.#controls?.updateSubscriptions([id], []);
    this.#run();
    return () => this.#unwatch(id, watcher);
  }

  /**
   * Send tickets from now on, because a voter may see hidden results.
   * @param {import('./types.js').Poll} poll the poll of the vote
   */
  authenticate(poll) {
    this.#authenticatedPoll = poll;
    this.#controls?.authenticate();
  }

  /** @param {string} id @param {Watcher} watcher */
  #unwatch(id, watcher) {
    const watchers = this.#watchers.get(id);
    if (!watchers?.delete(watcher) || watchers.size > 0) return;
    this.#watchers.delete(id);
    this.#latest.delete(id);
    this.#controls?.updateSubscriptions([], [id]);
    if (this.#watchers.size === 0) this.#controls?.stop();
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    await Promise.resolve(); // all widgets of the page subscribe first
    for (let failures = 0, handshakes = 0; this.#watchers.size > 0; ) {
      const start = performance.now();
      const end = await runWebSocket(this.#context('live'));
      handshakes = end.opened ? 0 : handshakes + 1;
      failures = performance.now() - start > STABLE_AFTER_MS ? 0 : failures + 1;
      if (handshakes >= MAX_FAILED_HANDSHAKES && (await this.#useFallback())) failures = 0;
      if (this.#watchers.size === 0) break;
      this.#setConnection(end.opened && failures < 2 ? 'connecting' : 'away');
      await delay(end.reconnectAfterMs ?? jitteredDelayMs(failures));
    }
    this.#running = false;
  }

  /** Run the fallback transports. Return false if the service is unreachable. @returns {Promise<boolean>} */
  async #useFallback() {
    const [first] = this.#watchers.keys();
    if (first === undefined || (await this.#fetchResults(first)) === null) return false;
    /** @type {typeof import('./fallback_transports.js') | null} */
    const fallback = await import(new URL('./fallback_transports.js', import.meta.url).href).catch(() => null);
    if (!fallback || this.#watchers.size === 0) return true;
    const events = await fallback.runEventSource(this.#context('live'));
    if (!events.opened && this.#watchers.size > 0) await fallback.runPolling(this.#context('delayed'), (id) => this.#fetchResults(id));
    return true;
  }

  /** Return the context for one transport. @param {Connection} whenOpen @returns {import('./websocket_transport.js').TransportContext} */
  #context(whenOpen) {
    if (whenOpen === 'delayed') this.#setConnection('delayed');
    return {
      base: this.base,
      pollIds: () => [...this.#watchers.keys()],
      fetchTicket: () => (this.#authenticatedPoll === null ? Promise.resolve(null) : this.voter.createTicket(this.#authenticatedPoll).catch(() => null)),
      onMessage: (message) => this.#onMessage(message),
      onOpen: () => this.#setConnection(whenOpen),
      setControls: (controls) => {
        this.#controls = controls;
      },
    };
  }

  /** Read one poll's results over HTTP, as a message. Return null if the service does not answer. @param {string} id */
  async #fetchResults(id) {
    try {
      const token = this.#authenticatedPoll && (await this.voter.currentToken(this.#authenticatedPoll));
      return await request(this.base, `v1/polls/${encodeURIComponent(id)}/results`, { token });
    } catch (error) {
      if (!(error instanceof PollwireError) || error.passes) return null;
      return { type: 'problem', poll: id, status: error.status, problem: `/problems/${error.slug}`, detail: error.message };
    }
  }

  /** @param {any} message */
  #onMessage(message) {
    if (message.type === 'results') this.#onResults(message);
    else if (message.type === 'problem' && this.#watchers.has(message.poll)) this.#onProblem(message);
  }

  /** @param {Results} next */
  #onResults(next) {
    this.clock.update(next.as_of);
    if (!this.#watchers.has(next.poll) || !replaces(this.#latest.get(next.poll), next)) return;
    this.#latest.set(next.poll, next);
    for (const watcher of this.#watchers.get(next.poll) ?? []) watcher.results(next);
  }

  /** @param {{poll: string, status: number}} problem */
  #onProblem({ poll, ...problem }) {
    const error = errorFromProblem(problem.status, { type: 'problem', ...problem });
    if (error.passes) {
      const resubscribe = () => this.#watchers.has(poll) && this.#controls?.updateSubscriptions([poll], []);
      setTimeout(resubscribe, REWATCH_MS + jitteredDelayMs(1));
      return;
    }
    this.#latest.delete(poll);
    for (const watcher of this.#watchers.get(poll) ?? []) watcher.problem?.(error);
  }

  /** Report a changed connection state to all watchers. @param {Connection} connection */
  #setConnection(connection) {
    if (connection === this.#connection) return;
    this.#connection = connection;
    for (const watchers of this.#watchers.values()) {
      for (const watcher of watchers) watcher.connection?.(connection);
    }
  }
}
