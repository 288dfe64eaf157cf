/**
 * The element `<live-poll>`: joins what the service says and what the voter does to what is shown.
 *
 * Attributes: `poll` (the id), `results-only` (no ballot), `theme` (`light`, `dark` or `auto`; default: the
 * page's own `color-scheme`). Event `poll-change`, after each update, with what is known in `detail`.
 */
import { connect, PollwireError } from '../client/client.js';
import { jitteredMs, pause } from '../client/waiting.js';
import { boundsOf, choiceOf, idsOf, isAsking, isOutdated, nothingKnown, phaseOf, takesSeveral, withAddresses } from './model.js';
import { dress } from './sheet.js';
import { joinTabs } from './tabs.js';
import { View } from './view.js';
import { texts } from './words.js';

/** @typedef {import('./model.js').State} State */

const TICK_MS = 1000;
/** The poll itself is not read more often than this, whatever frames suggest. */
const READ_AGAIN_MS = 1000;

/** Defines the element for the service at `base`, unless another copy of the widget was first. @param {string} base */
export function defineLivePoll(base) {
  if (customElements.get('live-poll')) return;
  customElements.define('live-poll', class extends LivePoll {
    get base() {
      return base;
    }
  });
}

class LivePoll extends HTMLElement {
  static observedAttributes = ['poll', 'results-only'];

  /** @type {State} */
  #state = nothingKnown();
  /** @type {View | null} */
  #view = null;
  /** @type {AbortController | null} one life: from being shown with an id to being removed or given another */
  #life = null;
  #drawing = 0;
  #reading = false;
  /** The voter's newest revision that this page knows of; a change names it, so that it replaces nothing unseen. */
  #revision = 0;
  #tellTabs = () => {};

  get base() {
    return new URL('../', import.meta.url).href;
  }

  get client() {
    return connect(this.base);
  }

  connectedCallback() {
    this.#begin();
  }

  disconnectedCallback() {
    this.#end();
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (!this.isConnected) return;
    if (name === 'poll') this.#begin();
    else this.#set({ resultsOnly: this.hasAttribute('results-only') });
  }

  #begin() {
    this.#end();
    this.#life = new AbortController();
    this.#view ??= this.#build();
    this.#state = { ...nothingKnown(), resultsOnly: this.hasAttribute('results-only') };
    const id = this.getAttribute('poll');
    if (id) this.#live(id, this.#life.signal);
    else this.#set({ trouble: 'unnamed' });
  }

  #end() {
    this.#life?.abort();
    this.#life = null;
    cancelAnimationFrame(this.#drawing);
    this.#drawing = 0;
    this.#view?.announcer.stop();
  }

  #build() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    const view = new View(root);
    view.card.hidden = true;
    dress(root).then(() => (view.card.hidden = false));
    view.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    view.change.addEventListener('click', () => this.#change());
    view.keep.addEventListener('click', () => this.#set({ changing: false, notice: null }));
    view.takeBack.addEventListener('click', () => this.#takeBack());
    return view;
  }

  /** Reads the poll, then follows it. @param {string} id @param {AbortSignal} life */
  async #live(id, life) {
    this.#draw();
    for (let attempt = 0; !life.aborted; attempt += 1) {
      try {
        const poll = withAddresses(await this.client.poll(id), this.base);
        const mine = poll.identity === 'open' ? null : await this.client.mine(poll).catch(() => null);
        if (life.aborted) return;
        this.#revision = mine?.revision ?? 0;
        this.#set({ poll, mine, trouble: null });
        this.#tellTabs = joinTabs({ base: this.base, poll: id }, life, () => this.#readMine(poll));
        return this.#follow(id, life);
      } catch (error) {
        if (life.aborted) return;
        const missing = error instanceof PollwireError && !error.passes;
        this.#set({ trouble: missing ? 'unknown' : 'unreachable' });
        if (missing) return;
        await pause(500 + jitteredMs(attempt));
      }
    }
  }

  /** @param {string} id @param {AbortSignal} life */
  #follow(id, life) {
    const timer = setInterval(() => this.#view?.tick(this.#state, this.client.clock.now()), TICK_MS);
    const stop = this.client.watch(id, {
      results: (results) => this.#receive(results),
      problem: (error) => this.#set({ trouble: error.status === 404 ? 'gone' : 'unknown' }),
      connection: (connection) => this.#set({ connection }),
    });
    life.addEventListener('abort', () => {
      clearInterval(timer);
      stop();
    });
  }

  /** @param {import('../client/types.js').Results} results */
  #receive(results) {
    const { poll, results: held } = this.#state;
    const before = phaseOf(this.#state);
    this.#set({ results, trouble: null });
    if (held && before !== results.phase) this.#turned(results.phase);
    else if (held && !results.hidden) this.#view?.sayTotals(this.#state);
    if (poll && isOutdated(poll, held, results)) this.#readAgain(poll.id);
  }

  /** The phase moved while somebody was looking: told plainly and at once. @param {string} phase */
  #turned(phase) {
    if (phase === 'open') this.#news(texts.nowOpen, { changing: false });
    else if (phase === 'scheduled') this.#set({ notice: null });
    else {
      this.#set({ notice: null, changing: false });
      this.#view?.announcer.atOnce(texts.nowClosed);
    }
  }

  /** The poll itself may have changed. @param {string} id */
  async #readAgain(id) {
    if (this.#reading) return;
    this.#reading = true;
    const life = this.#life;
    try {
      const poll = withAddresses(await this.client.poll(id), this.base);
      if (life === this.#life) this.#set({ poll });
    } catch {
      // the next frame asks again; that a poll was deleted is told by the stream
    }
    await pause(READ_AGAIN_MS);
    this.#reading = false;
  }

  /** Another tab has voted, or taken back. @param {NonNullable<State['poll']>} poll */
  async #readMine(poll) {
    const life = this.#life;
    if (poll.identity === 'open' || this.#state.sending) return;
    try {
      const mine = await this.client.mine(poll);
      if (life !== this.#life || this.#state.sending) return;
      if (mine) this.#revision = mine.revision;
      this.#set({ mine, notice: null, changing: false });
    } catch {
      // what is shown stays, and a change of it names the revision that it saw
    }
  }

  async #submit() {
    const { poll, sending } = this.#state;
    if (!poll || sending || !isAsking(this.#state) || !this.#view) return;
    const chosen = this.#view.rows.chosen;
    const { min, max } = boundsOf(poll);
    if (chosen.length < min || chosen.length > max) {
      this.#news(takesSeveral(poll) ? texts.chooseSome(min, max) : texts.chooseOne);
      return this.#view.rows.focusFirst();
    }
    const revision = poll.identity === 'open' ? undefined : this.#revision;
    await this.#doing(async () => {
      const standing = await this.client.vote(poll, choiceOf(poll, chosen), { revision, onRetry: () => this.#news(texts.retrying) });
      this.#moved(standing.revision);
      const said = { changed: texts.changed, unchanged: texts.unchanged }[standing.status ?? ''] ?? texts.counted;
      return { text: said, mine: standing };
    });
  }

  #change() {
    const { mine, poll } = this.#state;
    this.#set({ changing: true, notice: null });
    this.#view?.rows.choose(poll?.identity !== 'open' ? idsOf(mine) : []);
    this.#paint();
    this.#view?.rows.focusFirst();
  }

  #takeBack() {
    const { poll } = this.#state;
    if (!poll || this.#state.sending) return;
    return this.#doing(async () => {
      const taken = await this.client.withdraw(poll, () => this.#news(texts.retrying));
      this.#moved(taken.revision);
      this.#view?.rows.choose([]);
      return { text: texts.withdrawn, mine: null };
    });
  }

  /**
   * One act of the voter: shown while it goes on, told when it is answered.
   * @param {() => Promise<{text: string, mine: State['mine']}>} act
   */
  async #doing(act) {
    const life = this.#life;
    this.#set({ sending: true, notice: null });
    try {
      const { text, mine } = await act();
      if (life === this.#life) this.#news(text, { mine, sending: false, changing: false });
    } catch (error) {
      if (life === this.#life) await this.#refused(error);
    }
  }

  /** The voter's choice moved here. @param {number} revision */
  #moved(revision) {
    this.#revision = revision;
    this.#tellTabs();
  }

  /** @param {unknown} error */
  async #refused(error) {
    if (!(error instanceof PollwireError)) throw error;
    const { poll } = this.#state;
    const standing = error.status === 409 && poll ? await this.client.mine(poll).catch(() => null) : null;
    if (error.status === 409) this.#revision = standing?.revision ?? error.facts.revision ?? this.#revision;
    const known = standing ? { mine: standing, changing: false } : {};
    this.#news(sentenceFor(error), { sending: false, ...known });
  }

  /** Shows a sentence and has it read out at once. @param {string} text @param {Partial<State>} [changes] */
  #news(text, changes = {}) {
    this.#set({ ...changes, notice: text });
    this.#view?.announcer.atOnce(text);
  }

  /** @param {Partial<State>} changes */
  #set(changes) {
    this.#state = { ...this.#state, ...changes };
    this.#draw();
  }

  /** At most once a frame of the screen, however much arrives. */
  #draw() {
    this.#drawing ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.#drawing);
    this.#drawing = 0;
    this.#view?.update(this.#state, this.client.clock.now());
    this.dispatchEvent(new CustomEvent('poll-change', { bubbles: true, composed: true, detail: { ...this.#state } }));
  }
}

/** @param {PollwireError} error */
function sentenceFor(error) {
  switch (error.slug) {
    case 'already-voted':
      return texts.alreadyVoted;
    case 'stale-revision':
      return texts.movedOn;
    case 'poll-closed':
      return texts.tooLate;
    case 'poll-not-open':
      return texts.tooEarly;
    default:
      return error.passes ? texts.gaveUp : error.message;
  }
}
