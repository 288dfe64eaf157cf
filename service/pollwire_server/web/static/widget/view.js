/**
 * The widget's elements, made once, and how they follow what is known.
 *
 * Updates only write what differs; nothing is ever thrown away and built anew under a reader's hands.
 */
import { jitteredMs, pause } from '../client/backoff.js';
import { Announcer } from './announcer.js';
import { make, write, writeOrHide } from './dom.js';
import { canAsk, isAsking, isRanked, phaseOf, rowsOf, takesSeveral } from './model.js';
import { hintText, phaseKey, standingText, totalsText, verdictOf } from './messages.js';
import { Rows } from './rows.js';

/** @typedef {import('./model.js').State} State */
/** @typedef {import('./model.js').Poll} Poll */
/** @typedef {import('./messages.js').WidgetWords} WidgetWords */

/** A closing further off than this needs no clock. */
const DATE_FROM_MS = 14 * 24 * 3600 * 1000;

export class View {
  /** @type {WidgetWords | null} nothing is written before they are here */
  words = null;

  /** @type {import('./ranking.js').Ranking | null} */
  ranking = null;
  #fetching = false;

  /** @param {ShadowRoot} root @param {() => void} changed what is known is to be shown again */
  constructor(root, changed) {
    this.changed = changed;
    this.phase = make('span', 'phase');
    this.clock = make('span', 'clock');
    this.clock.setAttribute('role', 'timer');
    this.clock.setAttribute('aria-live', 'off');
    this.status = make('p', 'status', [this.phase, this.clock]);
    this.question = make('legend', 'question');
    this.question.dir = 'auto';
    this.description = make('p', 'description');
    this.description.dir = 'auto';
    this.hint = make('p', 'hint');
    this.list = make('div', 'options');
    this.rows = new Rows(this.list);
    this.fieldset = make('fieldset', 'ballot', [this.question, this.description, this.hint, this.list]);
    this.vote = make('button', 'button primary');
    this.change = plainButton();
    this.takeBack = plainButton();
    this.keep = plainButton();
    this.actions = make('div', 'actions', [this.vote, this.change, this.takeBack, this.keep]);
    this.notice = make('p', 'notice');
    this.notice.tabIndex = -1;
    this.check = plainButton('check');
    this.form = make('form', 'form', [this.fieldset, this.actions, this.notice, this.check]);
    this.form.noValidate = true;
    this.voters = make('span', 'voters');
    this.connection = make('span', 'connection');
    this.footer = make('footer', 'footer', [this.voters, this.connection]);
    this.trouble = make('p', 'trouble');
    const region = make('div', 'announcements');
    region.setAttribute('aria-live', 'polite');
    this.announcer = new Announcer(region);
    this.card = make('section', 'poll', [this.status, this.form, this.trouble, this.footer]);
    this.card.hidden = true;
    root.append(this.card, region);
  }

  /** What choices are made with now; null until it is here. @param {Poll} poll */
  ballotOf(poll) {
    return isRanked(poll) ? this.ranking : this.rows;
  }

  /** @param {State} state @param {number} now by the service's clock */
  update(state, now) {
    const { poll, trouble } = state;
    const { words } = this;
    if (!words) return;
    const held = this.#holdsFocus();
    this.card.hidden = false;
    this.card.lang = words.locale;
    if (words.direction === 'rtl') this.card.dir = 'rtl';
    this.card.dataset.phase = phaseOf(state);
    this.trouble.classList.toggle('is-loading', !trouble);
    writeOrHide(this.trouble, trouble ? words.say(trouble) : poll ? null : words.say('loading'));
    this.status.hidden = this.form.hidden = this.footer.hidden = !poll || trouble === 'gone';
    if (poll) this.#poll(words, state, poll, now);
    if (held && !this.#holdsFocus()) this.#rescueFocus();
  }

  /** What changes by itself as time goes by. @param {State} state @param {number} now */
  tick(state, now) {
    const { poll, results } = state;
    if (!poll || !this.words) return;
    const phase = phaseOf(state);
    const closesAt = results ? results.closes_at : poll.closes_at;
    if (phase === 'scheduled') write(this.clock, this.#until(poll.opens_at, now, 'opensIn', 'opening'));
    else if (phase === 'open' && closesAt) write(this.clock, this.#until(closesAt, now, 'closesIn', 'closing'));
    else write(this.clock, closesAt && phase !== 'open' ? this.words.day(closesAt) : '');
  }

  /** @param {State} state */
  sayTotals(state) {
    this.announcer.soon(() => (this.words ? totalsText(this.words, state) : ''));
  }

  /** @param {WidgetWords} words @param {State} state @param {Poll} poll @param {number} now */
  #poll(words, state, poll, now) {
    const asking = isAsking(state);
    const ranking = asking && isRanked(poll);
    write(this.phase, words.say(phaseKey(phaseOf(state))));
    this.tick(state, now);
    this.question.lang = this.description.lang = poll.lang ?? '';
    write(this.question, poll.question);
    writeOrHide(this.description, poll.description ?? null);
    writeOrHide(this.hint, hintText(words, state));
    this.list.hidden = ranking;
    if (this.ranking) this.ranking.list.hidden = !ranking;
    if (ranking && !this.ranking) this.#fetchRanking();
    if (ranking) this.ranking?.update(rowsOf(state), poll, words);
    else this.rows.update(rowsOf(state), { asking, poll, words, voters: state.results?.voters ?? 0 });
    this.#buttons(words, state, poll, asking);
    writeOrHide(this.notice, state.notice ?? standingText(words, state));
    this.notice.classList.toggle('is-news', state.notice !== null);
    this.notice.dataset.verdict = state.notice === null ? verdictOf(state) ?? '' : '';
    this.#foot(words, state, poll);
  }

  /** Until it is here: a line that fails is tried again. */
  async #fetchRanking() {
    if (this.#fetching) return;
    this.#fetching = true;
    try {
      /** @type {typeof import('./ranking.js')} */
      const { Ranking } = await import(new URL('ranking.js', import.meta.url).href);
      this.ranking = new Ranking((text) => this.announcer.atOnce(text));
      this.list.after(this.ranking.list);
    } catch {
      await pause(jitteredMs(2));
    }
    this.#fetching = false;
    this.changed();
  }

  /** @param {WidgetWords} words @param {State} state @param {Poll} poll @param {boolean} asking */
  #buttons(words, state, poll, asking) {
    const { mine, changing, sending, resultsOnly } = state;
    const open = phaseOf(state) === 'open' && !resultsOnly && canAsk(poll);
    const mayChange = open && mine !== null && !changing;
    const anew = poll.identity === 'open'; // there is no earlier vote that a new one would replace
    write(this.vote, words.say(sending ? 'voting' : changing && !anew ? 'save' : 'vote'));
    write(this.change, words.say(anew ? 'again' : 'change'));
    write(this.takeBack, words.say('takeBack'));
    write(this.keep, words.say('keep'));
    write(this.check, words.say('check'));
    this.vote.setAttribute('aria-disabled', String(sending));
    this.vote.hidden = !asking || !this.ballotOf(poll);
    this.change.hidden = !mayChange || (poll.revote === 'never' && !anew);
    this.takeBack.hidden = !mayChange || poll.revote !== 'withdraw' || anew;
    this.keep.hidden = !asking || !changing || anew;
    this.actions.hidden = [this.vote, this.change, this.takeBack, this.keep].every((button) => button.hidden);
    this.check.hidden = !state.checkable || mine === null || changing || sending || resultsOnly;
  }

  /** @param {WidgetWords} words @param {State} state @param {Poll} poll */
  #foot(words, { results, connection }, poll) {
    const voters = results?.phase === 'scheduled' ? undefined : results?.voters;
    const facts = voters === undefined ? [] : [words.say('voters', { n: voters })];
    if (voters !== undefined && takesSeveral(poll)) facts.push(words.say('severalEach'));
    if (typeof results?.mean === 'number') facts.push(words.say('mean', { mean: words.decimal(results.mean), max: poll.scale?.max ?? 0 }));
    write(this.voters, facts.join(' · '));
    const ended = Boolean(results?.final) && connection === 'live';
    write(this.connection, words.say(ended ? 'final' : connection));
    this.connection.dataset.state = ended ? 'final' : connection;
  }

  /** @param {string} instant @param {number} now @param {'opensIn' | 'closesIn'} ahead @param {'opening' | 'closing'} reached */
  #until(instant, now, ahead, reached) {
    const words = /** @type {WidgetWords} */ (this.words);
    const leftMs = Date.parse(instant) - now;
    if (leftMs <= 0) return words.say(reached);
    const left = words.say(ahead, { left: words.timeLeft(leftMs) });
    return leftMs > DATE_FROM_MS ? `${left} · ${words.day(instant)}` : left;
  }

  #holdsFocus() {
    const root = /** @type {ShadowRoot} */ (this.card.getRootNode());
    const focused = /** @type {HTMLElement | null} */ (root.activeElement);
    return focused !== null && focused.offsetParent !== null;
  }

  /** What had the focus is gone: the reader goes on at the news of why, not at the top of the page. */
  #rescueFocus() {
    const next = [this.notice, this.trouble].find((element) => !element.hidden);
    if (next === this.trouble) next.tabIndex = -1;
    next?.focus({ preventScroll: true });
  }
}

function plainButton(names = 'button') {
  const button = make('button', names);
  button.type = 'button';
  return button;
}
