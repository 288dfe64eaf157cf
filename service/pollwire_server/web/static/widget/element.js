/**
 * The element `<live-poll>`: joins what the service says and what the voter does to what is shown.
 *
 * Attributes: `poll` (the id), `results-only` (no ballot), `theme` (`light`, `dark` or `auto`; default: the
 * page's own `color-scheme`), `lang` (else the page's), `token` (of the site, for its signed-in person; or the
 * property `getToken`, a function that gives it). Event `poll-change`, after each update, with what is known
 * in `detail`. docs/widget.md lists its fields.
 */
import { connect, PollwireError } from '../client/client.js';
import { jitteredMs, pause } from '../client/backoff.js';
import { languageOf, wordsFor } from '../i18n/i18n.js';
import english from '../i18n/widget/en.js';
import { asShown, boundsOf, choiceOf, idsOf, isAsking, isOutdated, nothingKnown, phaseOf } from './model.js';
import { isolated } from './dom.js';
import { labelsOf, misfitText, refusalText, standingText } from './messages.js';
import { dress } from './stylesheet.js';
import { joinTabs } from './tabs.js';
import { View } from './view.js';

/** @typedef {import('./model.js').State} State */
/** @typedef {import('./messages.js').Key} Key */

/** The message for a vote that is not counted, by the reason of the receipt check. @type {Record<string, 'isReplaced' | 'isArchivedVote' | 'isRemoved'>} */
const NOT_COUNTED = { replaced: 'isReplaced', archived: 'isArchivedVote', gone: 'isRemoved' };
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
  static observedAttributes = ['poll', 'results-only', 'lang'];

  /** @type {State} */
  #state = nothingKnown();
  /** @type {View | null} */
  #view = null;
  /** @type {AbortController | null} one life: from being shown with an id to being removed or given another */
  #life = null;
  #drawing = 0;
  #reading = false;
  #outdated = false;
  /** The voter's newest revision that this page knows of; a change names it, so that it replaces nothing unseen. */
  #revision = 0;
  #tellTabs = () => {};
  /** How often the voter's vote was read again; only the answer to the last read counts. */
  #mineReads = 0;

  get base() {
    return new URL('../', import.meta.url).href;
  }

  /** The page's client of the service, the same for all its widgets and for whoever else asks. */
  get client() {
    return connect(this.base);
  }

  /** Gives the site's token for whom it has signed in. @param {import('../client/voter.js').Voter['site']} getToken */
  set getToken(getToken) {
    this.client.voter.site = getToken;
    if (this.#state.poll?.identity === 'signed') this.#readMine();
  }

  get getToken() {
    return this.client.voter.site;
  }

  connectedCallback() {
    this.#begin();
  }

  disconnectedCallback() {
    this.#end();
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (!this.#life) return; // what stands at first is read when it is shown
    if (name !== 'results-only') this.#begin();
    else this.#set({ resultsOnly: this.hasAttribute('results-only') });
  }

  #begin() {
    this.#end();
    this.#life = new AbortController();
    this.#view ??= this.#build();
    this.#state = { ...nothingKnown(), resultsOnly: this.hasAttribute('results-only') };
    if (this.hasAttribute('token')) this.client.voter.site = () => this.getAttribute('token');
    const id = this.getAttribute('poll');
    const speaking = this.#speak(this.#view);
    if (id) this.#live(id, this.#life.signal, speaking);
    else this.#set({ trouble: 'unknown' });
  }

  /** In the reader's language from here on. @param {View} view */
  async #speak(view) {
    const lang = languageOf(this);
    const fetched = (/** @type {string} */ name) => import(new URL(`../i18n/widget/${name}.js`, import.meta.url).href);
    const words = await wordsFor(lang, english, fetched);
    if (lang !== languageOf(this)) return; // it was changed meanwhile
    view.words = words;
    this.#draw();
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
    const view = new View(root, () => this.#draw());
    dress(root);
    view.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    view.change.addEventListener('click', () => this.#change());
    view.keep.addEventListener('click', () => this.#set({ changing: false, notice: null }));
    view.takeBack.addEventListener('click', () => this.#takeBack());
    view.check.addEventListener('click', () => this.#check());
    return view;
  }

  /** One of the widget's own sentences. @param {Key} key @param {Record<string, string | number>} [values] */
  #say(key, values) {
    return this.#view?.words?.say(key, values) ?? '';
  }

  /** @param {string} id */
  async #read(id) {
    return asShown(await this.client.poll(id), this.base, () => this.client.voter.seed);
  }

  /** Reads the poll, then follows it. @param {string} id @param {AbortSignal} life @param {Promise<void>} speaking */
  async #live(id, life, speaking) {
    for (let attempt = 0; !life.aborted; attempt += 1) {
      try {
        const poll = await this.#read(id);
        const [mine] = await Promise.all([this.#standing(poll).catch(() => null), speaking]);
        if (life.aborted) return;
        this.#revision = mine?.revision ?? 0;
        this.#set({ poll, mine, trouble: null, checkable: this.client.receipts.of(id) !== null });
        this.#tellTabs = joinTabs({ base: this.base, poll: id }, this.client.voter.key, life, () => this.#readMine());
        return this.#follow(id, life);
      } catch (error) {
        if (life.aborted || (await this.#failed(id, error))) return;
        await pause(500 + jitteredMs(attempt));
      }
    }
  }

  /** The poll could not be read: says so. @param {string} id @param {unknown} error @returns {Promise<boolean>} for good */
  async #failed(id, error) {
    const answered = error instanceof PollwireError && !error.passes;
    const refused = !answered && (await this.#isRefused(id));
    this.#set({ trouble: refused ? 'refused' : answered ? 'unknown' : 'unreachable' });
    return answered || refused;
  }

  /** Whether a page of another site is kept from reading the poll; nothing then says so but this. @param {string} id */
  async #isRefused(id) {
    if (new URL(this.base).origin === location.origin) return false;
    /** @type {typeof import('./cross_origin_check.js') | null} */
    const check = await import(new URL('cross_origin_check.js', import.meta.url).href).catch(() => null);
    return check !== null && check.isRefused(this.base, id);
  }

  /** The voter's vote; where nobody is identified there is none to be found. @param {NonNullable<State['poll']>} poll */
  async #standing(poll) {
    return poll.identity === 'open' ? null : this.client.mine(poll);
  }

  /** @param {string} id @param {AbortSignal} life */
  #follow(id, life) {
    const timer = setInterval(() => this.#view?.tick(this.#state, this.client.clock.now()), TICK_MS);
    const stop = this.client.watch(id, {
      results: (results) => this.#receive(results),
      problem: (error) => {
        const trouble = error.status === 404 ? 'gone' : 'unknown';
        this.#set({ trouble });
        this.#view?.announcer.atOnce(this.#say(trouble));
      },
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
    if (poll && isOutdated(poll, held, results)) this.#readAgain();
  }

  /** The phase moved while somebody was looking: told plainly and at once. @param {string} phase */
  #turned(phase) {
    if (phase === 'open') return this.#news(this.#say('nowOpen'), { changing: false });
    this.#set({ notice: null, changing: false });
    const words = this.#view?.words;
    const said = phase === 'closed' ? this.#say('nowClosed') : words && standingText(words, this.#state);
    if (said && phase !== 'scheduled') this.#view?.announcer.atOnce(said);
  }

  /** The poll itself may have changed; where it may have again since it was asked for, it is read once more. */
  async #readAgain() {
    this.#outdated = true;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#outdated && this.#state.poll) {
      this.#outdated = false;
      const life = this.#life;
      try {
        const poll = await this.#read(this.#state.poll.id);
        if (life === this.#life) this.#set({ poll });
      } catch (error) {
        // that a poll was deleted is told by the stream
        this.#outdated ||= life === this.#life && error instanceof PollwireError && error.passes;
      }
      await pause(READ_AGAIN_MS);
    }
    this.#reading = false;
  }

  /** Another tab has voted, or taken back; or the site has signed somebody in. */
  async #readMine() {
    const life = this.#life;
    const { poll, sending } = this.#state;
    if (!poll || poll.identity === 'open' || sending) return;
    const read = (this.#mineReads += 1);
    try {
      const mine = await this.client.mine(poll);
      if (life !== this.#life || read !== this.#mineReads || this.#state.sending) return;
      if (mine) this.#revision = mine.revision;
      this.#set({ mine, notice: null, changing: false, checkable: this.client.receipts.of(poll.id) !== null });
    } catch {
      // what is shown stays, and a change of it names the revision that it saw
    }
  }

  async #submit() {
    const { poll, sending } = this.#state;
    if (!poll || sending || !isAsking(this.#state) || !this.#view) return;
    const ballot = this.#view.ballotOf(poll);
    if (!ballot) return;
    const { chosen } = ballot;
    const { min, max } = boundsOf(poll);
    if (chosen.length < min || chosen.length > max) {
      this.#news(this.#view.words ? misfitText(this.#view.words, poll) : '');
      return ballot.focusFirst();
    }
    const revision = poll.identity === 'open' ? undefined : this.#revision;
    await this.#doing(async () => {
      const standing = await this.client.vote(poll, choiceOf(poll, chosen), { revision, onRetry: () => this.#news(this.#say('retrying')) });
      this.#moved(standing.revision);
      const said = standing.status === 'changed' || standing.status === 'unchanged' ? standing.status : 'counted';
      return { text: this.#say(said), mine: standing };
    });
  }

  #change() {
    const { mine, poll } = this.#state;
    this.#set({ changing: true, notice: null });
    this.#paint();
    const ballot = poll && this.#view?.ballotOf(poll);
    ballot?.choose(poll?.identity !== 'open' ? idsOf(mine?.choice) : []);
    ballot?.focusFirst();
  }

  #takeBack() {
    const { poll } = this.#state;
    if (!poll || this.#state.sending) return;
    return this.#doing(async () => {
      const taken = await this.client.withdraw(poll, () => this.#news(this.#say('retrying')));
      this.#moved(taken.revision);
      this.#view?.ballotOf(poll)?.choose([]);
      return { text: this.#say('withdrawn'), mine: null };
    });
  }

  /** Whether the vote is counted, by its receipt. */
  async #check() {
    const { poll } = this.#state;
    const words = this.#view?.words;
    if (!poll || !words) return;
    const proof = await this.client.check(poll.id).catch(() => null);
    if (!proof) return this.#news(this.#say('notChecked'));
    const choice = isolated(labelsOf(this.#state, proof.choice));
    const message = proof.counted ? 'isCounted' : NOT_COUNTED[proof.reason ?? 'gone'];
    this.#news(this.#say(message, { choice, time: words.moment(proof.at) }));
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
      if (life === this.#life) this.#news(text, { mine, sending: false, changing: false, checkable: mine !== null });
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
    const known = standing && error.slug !== 'option-full' ? { mine: standing, changing: false } : {};
    this.#news(this.#view?.words ? refusalText(this.#view.words, error) : '', { sending: false, ...known });
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
