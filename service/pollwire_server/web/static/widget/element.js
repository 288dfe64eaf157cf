/**
 * The custom element `<live-poll>`: connects the client, the voter's actions and the view.
 *
 * Attributes: `poll` (the id), `results-only` (no ballot), `theme` (`light`, `dark` or `auto`; default: the
 * page's `color-scheme`), `lang` (default: the page's), `token` (the site's JWT for its signed-in user; or the
 * property `getToken`, a function that returns it). The event `poll-change` follows each update; its `detail` is
 * the state. docs/widget.md lists the fields.
 */
import { connect, PollwireError } from '../client/client.js';
import { delay, jitteredDelayMs } from '../client/backoff.js';
import { elementLanguage, loadTranslator } from '../i18n/i18n.js';
import english from '../i18n/widget/en.js';
import { choiceBounds, choiceIds, currentPhase, initialState, isBallotShown, isPollOutdated, preparePoll, toChoice } from './model.js';
import { choiceErrorText, choiceLabels, errorText, phaseText } from './messages.js';
import { adoptStyles } from './stylesheet.js';
import { syncTabs } from './tabs.js';
import { View } from './view.js';

/** @typedef {import('./model.js').State} State */
/** @typedef {import('./messages.js').Key} Key */

const TICK_MS = 1000;
/** Minimum interval between two reads of the poll. */
const REFETCH_INTERVAL_MS = 1000;

/** Define the element for the service at `base`, unless another copy of the widget has defined it. @param {string} base */
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
  #state = initialState();
  /** @type {View | null} */
  #view = null;
  /** @type {AbortController | null} aborted when the element is removed or gets another poll */
  #lifetime = null;
  #frame = 0;
  #isReading = false;
  #isPollOutdated = false;
  /** The voter's newest known revision. A change names it, so that it replaces no unseen vote. */
  #revision = 0;
  #notifyTabs = () => {};
  /** Number of reads of the voter's vote. Only the last one counts. */
  #ownVoteReads = 0;

  get base() {
    return new URL('../', import.meta.url).href;
  }

  /** The page's client of the service, shared by all its widgets. */
  get client() {
    return connect(this.base);
  }

  /** Function that returns the site's JWT for its signed-in user. @param {import('../client/voter.js').Voter['getToken']} getToken */
  set getToken(getToken) {
    this.client.voter.getToken = getToken;
    if (this.#state.poll?.identity === 'signed') this.#refetchOwnVote();
  }

  get getToken() {
    return this.client.voter.getToken;
  }

  connectedCallback() {
    this.#start();
  }

  disconnectedCallback() {
    this.#stop();
  }

  /** @param {string} name */
  attributeChangedCallback(name) {
    if (!this.#lifetime) return; // `connectedCallback` reads the first values
    if (name !== 'results-only') this.#start();
    else this.#setState({ resultsOnly: this.hasAttribute('results-only') });
  }

  #start() {
    this.#stop();
    this.#lifetime = new AbortController();
    this.#view ??= this.#createView();
    this.#state = { ...initialState(), resultsOnly: this.hasAttribute('results-only') };
    if (this.hasAttribute('token')) this.client.voter.getToken = () => this.getAttribute('token');
    const id = this.getAttribute('poll');
    const languageLoaded = this.#loadLanguage(this.#view);
    if (id) this.#load(id, this.#lifetime.signal, languageLoaded);
    else this.#setState({ trouble: 'unknown' });
  }

  /** Load the texts in the reader's language. @param {View} view */
  async #loadLanguage(view) {
    const lang = elementLanguage(this);
    const load = (/** @type {string} */ name) => import(new URL(`../i18n/widget/${name}.js`, import.meta.url).href);
    const translator = await loadTranslator(lang, english, load);
    if (lang !== elementLanguage(this)) return; // the attribute changed meanwhile
    view.translator = translator;
    this.#scheduleRender();
  }

  #stop() {
    this.#lifetime?.abort();
    this.#lifetime = null;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#view?.announcer.stop();
  }

  #createView() {
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' });
    const view = new View(root, () => this.#scheduleRender());
    adoptStyles(root);
    view.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    view.changeButton.addEventListener('click', () => this.#startChange());
    view.cancelButton.addEventListener('click', () => this.#setState({ changing: false, notice: null }));
    view.withdrawButton.addEventListener('click', () => this.#withdraw());
    view.verifyButton.addEventListener('click', () => this.#verifyReceipt());
    return view;
  }

  /** Translate a message. @param {Key} key @param {Record<string, string | number>} [values] */
  #t(key, values) {
    return this.#view?.translator?.t(key, values) ?? '';
  }

  /** @param {string} id */
  async #fetchPoll(id) {
    return preparePoll(await this.client.poll(id), this.base, () => this.client.voter.seed);
  }

  /** Load the poll, with retries, then watch it. @param {string} id @param {AbortSignal} signal @param {Promise<void>} languageLoaded */
  async #load(id, signal, languageLoaded) {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        const poll = await this.#fetchPoll(id);
        const [mine] = await Promise.all([this.#fetchOwnVote(poll).catch(() => null), languageLoaded]);
        if (signal.aborted) return;
        this.#revision = mine?.revision ?? 0;
        this.#setState({ poll, mine, trouble: null, checkable: this.client.receipts.get(id) !== null });
        this.#notifyTabs = syncTabs({ base: this.base, poll: id }, this.client.voter.storageKey, signal, () => this.#refetchOwnVote());
        return this.#watch(id, signal);
      } catch (error) {
        if (signal.aborted || (await this.#onLoadError(id, error))) return;
        await delay(500 + jitteredDelayMs(attempt));
      }
    }
  }

  /** Show why the poll could not be loaded. Return true if a retry is useless. @param {string} id @param {unknown} error */
  async #onLoadError(id, error) {
    const isFinal = error instanceof PollwireError && !error.passes;
    const isBlocked = !isFinal && (await this.#isOriginBlocked(id));
    this.#setState({ trouble: isBlocked ? 'refused' : isFinal ? 'unknown' : 'unreachable' });
    return isFinal || isBlocked;
  }

  /** Return true if CORS blocks this page. The browser does not report it. @param {string} id */
  async #isOriginBlocked(id) {
    if (new URL(this.base).origin === location.origin) return false;
    /** @type {typeof import('./cross_origin_check.js') | null} */
    const check = await import(new URL('cross_origin_check.js', import.meta.url).href).catch(() => null);
    return check !== null && check.isOriginBlocked(this.base, id);
  }

  /** Return the voter's vote. Polls without voters (`open`) have none. @param {NonNullable<State['poll']>} poll */
  async #fetchOwnVote(poll) {
    return poll.identity === 'open' ? null : this.client.mine(poll);
  }

  /** @param {string} id @param {AbortSignal} signal */
  #watch(id, signal) {
    const timer = setInterval(() => this.#view?.tick(this.#state, this.client.clock.now()), TICK_MS);
    const stop = this.client.watch(id, {
      results: (results) => this.#onResults(results),
      problem: (error) => {
        const trouble = error.status === 404 ? 'gone' : 'unknown';
        this.#setState({ trouble });
        this.#view?.announcer.announce(this.#t(trouble));
      },
      connection: (connection) => this.#setState({ connection }),
    });
    signal.addEventListener('abort', () => {
      clearInterval(timer);
      stop();
    });
  }

  /** @param {import('../client/types.js').Results} results */
  #onResults(results) {
    const { poll, results: previous } = this.#state;
    const before = currentPhase(this.#state);
    this.#setState({ results, trouble: null });
    if (previous && before !== results.phase) this.#onPhaseChange(results.phase);
    else if (previous && !results.hidden) this.#view?.announceTotals(this.#state);
    if (poll && isPollOutdated(poll, previous, results)) this.#refetchPoll();
  }

  /** Announce a change of the phase at once. @param {string} phase */
  #onPhaseChange(phase) {
    if (phase === 'open') return this.#notify(this.#t('nowOpen'), { changing: false });
    this.#setState({ notice: null, changing: false });
    const translator = this.#view?.translator;
    const text = phase === 'closed' ? this.#t('nowClosed') : translator && phaseText(translator, this.#state);
    if (text && phase !== 'scheduled') this.#view?.announcer.announce(text);
  }

  /** Read the poll again. If it may change during the read, repeat. */
  async #refetchPoll() {
    this.#isPollOutdated = true;
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#isPollOutdated && this.#state.poll) {
      this.#isPollOutdated = false;
      const lifetime = this.#lifetime;
      try {
        const poll = await this.#fetchPoll(this.#state.poll.id);
        if (lifetime === this.#lifetime) this.#setState({ poll });
      } catch (error) {
        // the stream reports a deleted poll
        this.#isPollOutdated ||= lifetime === this.#lifetime && error instanceof PollwireError && error.passes;
      }
      await delay(REFETCH_INTERVAL_MS);
    }
    this.#isReading = false;
  }

  /** Read the vote again, after a vote in another tab or a sign-in. */
  async #refetchOwnVote() {
    const lifetime = this.#lifetime;
    const { poll, sending } = this.#state;
    if (!poll || poll.identity === 'open' || sending) return;
    const read = (this.#ownVoteReads += 1);
    try {
      const mine = await this.client.mine(poll);
      if (lifetime !== this.#lifetime || read !== this.#ownVoteReads || this.#state.sending) return;
      if (mine) this.#revision = mine.revision;
      this.#setState({ mine, notice: null, changing: false, checkable: this.client.receipts.get(poll.id) !== null });
    } catch {
      // the shown vote stays; a change names its revision, so it cannot replace a newer one
    }
  }

  async #submit() {
    const { poll, sending } = this.#state;
    if (!poll || sending || !isBallotShown(this.#state) || !this.#view) return;
    const ballot = this.#view.ballotFor(poll);
    if (!ballot) return;
    const { selected } = ballot;
    const { min, max } = choiceBounds(poll);
    if (selected.length < min || selected.length > max) {
      const { translator } = this.#view;
      this.#notify('errorText' in ballot ? ballot.errorText : translator ? choiceErrorText(translator, poll) : '');
      return ballot.focusFirst();
    }
    const revision = poll.identity === 'open' ? undefined : this.#revision;
    await this.#runAction(async () => {
      const vote = await this.client.vote(poll, 'choice' in ballot ? ballot.choice : toChoice(poll, selected), { revision, onRetry: () => this.#notify(this.#t('retrying')) });
      this.#onOwnVoteChange(vote.revision);
      const key = vote.status === 'changed' || vote.status === 'unchanged' ? vote.status : 'counted';
      return { text: this.#t(key), mine: vote };
    });
  }

  #startChange() {
    const { mine, poll } = this.#state;
    this.#setState({ changing: true, notice: null });
    this.#render();
    const ballot = poll && this.#view?.ballotFor(poll);
    ballot?.select(poll?.identity !== 'open' ? choiceIds(mine?.choice) : [], mine?.choice);
    ballot?.focusFirst();
  }

  #withdraw() {
    const { poll } = this.#state;
    if (!poll || this.#state.sending) return;
    return this.#runAction(async () => {
      const withdrawn = await this.client.withdraw(poll, () => this.#notify(this.#t('retrying')));
      this.#onOwnVoteChange(withdrawn.revision);
      this.#view?.ballotFor(poll)?.select([]);
      return { text: this.#t('withdrawn'), mine: null };
    });
  }

  /** Verify with the receipt that the vote is counted, and show the result. */
  async #verifyReceipt() {
    const { poll } = this.#state;
    const translator = this.#view?.translator;
    if (!poll || !translator) return;
    try {
      const { receiptText } = await import(new URL('receipt_text.js', import.meta.url).href);
      const receipt = /** @type {any} */ (await this.client.check(poll.id));
      this.#notify(receiptText(translator, receipt, choiceLabels(this.#state, receipt.choice)));
    } catch {
      this.#notify(this.#t('verifyFailed'));
    }
  }

  /**
   * Run an action of the voter. The view shows that it is in progress, then its result.
   * @param {() => Promise<{text: string, mine: State['mine']}>} action
   */
  async #runAction(action) {
    const lifetime = this.#lifetime;
    this.#setState({ sending: true, notice: null });
    try {
      const { text, mine } = await action();
      if (lifetime === this.#lifetime) this.#notify(text, { mine, sending: false, changing: false, checkable: mine !== null });
    } catch (error) {
      if (lifetime === this.#lifetime) await this.#onVoteError(error);
    }
  }

  /** Store the new revision and notify other tabs. @param {number} revision */
  #onOwnVoteChange(revision) {
    this.#revision = revision;
    this.#notifyTabs();
  }

  /** Show why a vote was rejected, and the current vote after a conflict. @param {unknown} error */
  async #onVoteError(error) {
    if (!(error instanceof PollwireError)) throw error;
    const { poll } = this.#state;
    const vote = error.status === 409 && poll ? await this.client.mine(poll).catch(() => null) : null;
    if (error.status === 409) this.#revision = vote?.revision ?? error.facts.revision ?? this.#revision;
    const changes = vote && error.slug !== 'option-full' ? { mine: vote, changing: false } : {};
    this.#notify(this.#view?.translator ? errorText(this.#view.translator, error) : '', { sending: false, ...changes });
  }

  /** Show a message and announce it at once. @param {string} text @param {Partial<State>} [changes] */
  #notify(text, changes = {}) {
    this.#setState({ ...changes, notice: text });
    this.#view?.announcer.announce(text);
  }

  /** @param {Partial<State>} changes */
  #setState(changes) {
    this.#state = { ...this.#state, ...changes };
    this.#scheduleRender();
  }

  /** Render once per animation frame at most. */
  #scheduleRender() {
    this.#frame ||= requestAnimationFrame(() => this.#render());
  }

  #render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#view?.update(this.#state, this.client.clock.now());
    this.dispatchEvent(new CustomEvent('poll-change', { bubbles: true, composed: true, detail: { ...this.#state } }));
  }
}
