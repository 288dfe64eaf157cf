/**
 * Live results for everything on a page that asks for them, over one connection to the service.
 *
 * Sockets first. A page cannot see why a handshake failed, so after two that failed it asks over HTTP:
 * no answer there means that the service is away (and sockets are tried again, with full jitter); an
 * answer means that something between us does not let sockets through, and events, then polling, take
 * their place for a while. Whatever brings a result, only one that is not older is handed on.
 */
import { PollwireError, refusal } from './errors.js';
import { ask } from './http.js';
import { replaces } from './result_order.js';
import { overSocket } from './websocket_transport.js';
import { jitteredMs, pause } from './backoff.js';

/** Handshakes that fail in a row before another way is thought of. */
const HANDSHAKES_TRIED = 2;
/** A connection that lived this long was a good one: the next failure is the first. */
const GOOD_AFTER_MS = 5000;
/** Before asking again for a poll that the service could not read just now. */
const REWATCH_MS = 1000;

/** @typedef {import('./types.js').Watcher} Watcher */
/** @typedef {import('./types.js').Results} Results */
/** @typedef {import('./types.js').Connection} Connection */

export class Stream {
  /** @type {Map<string, Set<Watcher>>} */
  #watchers = new Map();
  /** @type {Map<string, Results>} */
  #held = new Map();
  /** @type {import('./websocket_transport.js').Controls | null} */
  #controls = null;
  /** @type {Connection} */
  #connection = 'connecting';
  #running = false;
  /** @type {import('./types.js').Poll | null} the poll for whose sake streams show who reads */
  #identified = null;

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
   * @param {string} id
   * @param {Watcher} watcher
   * @returns {() => void} stops watching
   */
  watch(id, watcher) {
    const others = this.#watchers.get(id);
    if (others) others.add(watcher);
    else this.#watchers.set(id, new Set([watcher]));
    watcher.connection?.(this.#connection);
    const held = this.#held.get(id);
    if (held) watcher.results(held);
    if (!others) this.#controls?.changed([id], []);
    this.#start();
    return () => this.#leave(id, watcher);
  }

  /**
   * From now on streams show who reads: somebody whose vote stands may see more.
   * @param {import('./types.js').Poll} poll that of the vote
   */
  identify(poll) {
    this.#identified = poll;
    this.#controls?.identify();
  }

  /** @param {string} id @param {Watcher} watcher */
  #leave(id, watcher) {
    const watchers = this.#watchers.get(id);
    if (!watchers?.delete(watcher) || watchers.size > 0) return;
    this.#watchers.delete(id);
    this.#held.delete(id);
    this.#controls?.changed([], [id]);
    if (this.#watchers.size === 0) this.#controls?.stop();
  }

  async #start() {
    if (this.#running) return;
    this.#running = true;
    await Promise.resolve(); // the widgets of one page subscribe together
    for (let failures = 0, handshakes = 0; this.#watchers.size > 0; ) {
      const start = performance.now();
      const end = await overSocket(this.#line('live'));
      handshakes = end.opened ? 0 : handshakes + 1;
      failures = performance.now() - start > GOOD_AFTER_MS ? 0 : failures + 1;
      if (handshakes >= HANDSHAKES_TRIED && (await this.#detour())) failures = 0;
      if (this.#watchers.size === 0) break;
      this.#tell(end.opened && failures < 2 ? 'connecting' : 'away');
      await pause(end.comeBackMs ?? jitteredMs(failures));
    }
    this.#running = false;
  }

  /** Without sockets. @returns {Promise<boolean>} whether the service could be reached at all */
  async #detour() {
    const [first] = this.#watchers.keys();
    if (first === undefined || (await this.#read(first)) === null) return false;
    /** @type {typeof import('./fallback_transports.js') | null} */
    const fallback = await import(new URL('./fallback_transports.js', import.meta.url).href).catch(() => null);
    if (!fallback || this.#watchers.size === 0) return true;
    const events = await fallback.overEvents(this.#line('live'));
    if (!events.opened && this.#watchers.size > 0) await fallback.overPolling(this.#line('delayed'), (id) => this.#read(id));
    return true;
  }

  /** @param {Connection} whenOpen @returns {import('./websocket_transport.js').Line} */
  #line(whenOpen) {
    if (whenOpen === 'delayed') this.#tell('delayed');
    return {
      base: this.base,
      polls: () => [...this.#watchers.keys()],
      ticket: () => (this.#identified === null ? Promise.resolve(null) : this.voter.ticket(this.#identified).catch(() => null)),
      deliver: (message) => this.#deliver(message),
      opened: () => this.#tell(whenOpen),
      attach: (controls) => {
        this.#controls = controls;
      },
    };
  }

  /** One poll over HTTP, as a message; null when the service did not answer. @param {string} id */
  async #read(id) {
    try {
      const token = this.#identified && (await this.voter.known(this.#identified));
      return await ask(this.base, `v1/polls/${encodeURIComponent(id)}/results`, { token });
    } catch (error) {
      if (!(error instanceof PollwireError) || error.passes) return null;
      return { type: 'problem', poll: id, status: error.status, problem: `/problems/${error.slug}`, detail: error.message };
    }
  }

  /** @param {any} message */
  #deliver(message) {
    if (message.type === 'results') this.#results(message);
    else if (message.type === 'problem' && this.#watchers.has(message.poll)) this.#problem(message);
  }

  /** @param {Results} next */
  #results(next) {
    this.clock.learn(next.as_of);
    if (!this.#watchers.has(next.poll) || !replaces(this.#held.get(next.poll), next)) return;
    this.#held.set(next.poll, next);
    for (const watcher of this.#watchers.get(next.poll) ?? []) watcher.results(next);
  }

  /** @param {{poll: string, status: number}} problem */
  #problem({ poll, ...problem }) {
    const error = refusal(problem.status, { type: 'problem', ...problem });
    if (error.passes) {
      const again = () => this.#watchers.has(poll) && this.#controls?.changed([poll], []);
      setTimeout(again, REWATCH_MS + jitteredMs(1));
      return;
    }
    this.#held.delete(poll);
    for (const watcher of this.#watchers.get(poll) ?? []) watcher.problem?.(error);
  }

  /** @param {Connection} connection */
  #tell(connection) {
    if (connection === this.#connection) return;
    this.#connection = connection;
    for (const watchers of this.#watchers.values()) {
      for (const watcher of watchers) watcher.connection?.(connection);
    }
  }
}
