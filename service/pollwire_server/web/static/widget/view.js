/**
 * The widget's elements and their updates. Elements are created once, and updates write only what differs.
 */
import { delay, jitteredDelayMs } from '../client/backoff.js';
import { Announcer } from './announcer.js';
import { createElement, setText, setTextOrHide } from './dom.js';
import { buildRows, canVoteIn, currentPhase, isBallotShown, isMultiple, isRanked } from './model.js';
import { hintText, phaseKey, phaseText, predictionResult, totalsText, voterTexts } from './messages.js';
import { Rows } from './rows.js';
import { addStyles } from './stylesheet.js';

/** @typedef {import('./model.js').State} State */
/** @typedef {import('./model.js').Poll} Poll */
/** @typedef {import('./messages.js').WidgetTranslator} WidgetTranslator */

/** From this distance the countdown also shows the date. */
const SHOW_DATE_FROM_MS = 14 * 24 * 3600 * 1000;

export class View {
  /** @type {WidgetTranslator | null} null while it loads; nothing is shown before */
  translator = null;

  /** @type {import('./ranking.js').Ranking | null} */
  ranking = null;
  /** @type {import('./forecast.js').Forecast | null} */
  forecast = null;
  #isLoadingBallot = false;

  /** @param {ShadowRoot} root @param {() => void} onChange called if the view needs an update */
  constructor(root, onChange) {
    this.onChange = onChange;
    this.phase = createElement('span', 'phase');
    this.clock = createElement('span', 'clock');
    this.clock.setAttribute('role', 'timer');
    this.clock.setAttribute('aria-live', 'off');
    this.status = createElement('p', 'status', [this.phase, this.clock]);
    this.question = createElement('legend', 'question');
    this.question.dir = 'auto';
    this.description = createElement('p', 'description');
    this.description.dir = 'auto';
    this.hint = createElement('p', 'hint');
    this.list = createElement('div', 'options');
    this.rows = new Rows(this.list);
    this.fieldset = createElement('fieldset', 'ballot', [this.question, this.description, this.hint, this.list]);
    this.voteButton = createElement('button', 'button primary');
    this.changeButton = createButton();
    this.withdrawButton = createButton();
    this.cancelButton = createButton();
    this.actions = createElement('div', 'actions', [this.voteButton, this.changeButton, this.withdrawButton, this.cancelButton]);
    this.notice = createElement('p', 'notice');
    this.notice.tabIndex = -1;
    this.verifyButton = createButton('check');
    this.form = createElement('form', 'form', [this.fieldset, this.actions, this.notice, this.verifyButton]);
    this.form.noValidate = true;
    this.voters = createElement('span', 'voters');
    this.connection = createElement('span', 'connection');
    this.footer = createElement('footer', 'footer', [this.voters, this.connection]);
    this.trouble = createElement('p', 'trouble');
    const region = createElement('div', 'announcements');
    region.setAttribute('aria-live', 'polite');
    this.announcer = new Announcer(region);
    this.card = createElement('section', 'poll', [this.status, this.form, this.trouble, this.footer]);
    this.card.hidden = true;
    root.append(this.card, region);
  }

  /** Return the ballot of the poll's kind; null while it loads. @param {Poll} poll */
  ballotFor(poll) {
    if (poll.forecast) return this.forecast;
    return isRanked(poll) ? this.ranking : this.rows;
  }

  /** @param {State} state @param {number} now by the service's clock */
  update(state, now) {
    const { poll, trouble } = state;
    const { translator } = this;
    if (!translator) return;
    const hadFocus = this.#hasFocus();
    this.card.hidden = false;
    this.card.lang = translator.locale;
    if (translator.direction === 'rtl') this.card.dir = 'rtl';
    this.card.dataset.phase = currentPhase(state);
    this.trouble.classList.toggle('is-loading', !trouble);
    setTextOrHide(this.trouble, trouble ? translator.t(trouble) : poll ? null : translator.t('loading'));
    this.status.hidden = this.form.hidden = this.footer.hidden = !poll || trouble === 'gone';
    if (poll) this.#updatePoll(translator, state, poll, now);
    if (hadFocus && !this.#hasFocus()) this.#restoreFocus();
  }

  /** Update the countdown. @param {State} state @param {number} now */
  tick(state, now) {
    const { poll, results } = state;
    if (!poll || !this.translator) return;
    const phase = currentPhase(state);
    const closesAt = results ? results.closes_at : poll.closes_at;
    if (phase === 'scheduled') setText(this.clock, this.#countdown(poll.opens_at, now, 'opensIn', 'opening'));
    else if (phase === 'open' && closesAt) setText(this.clock, this.#countdown(closesAt, now, 'closesIn', 'closing'));
    else setText(this.clock, closesAt && phase !== 'open' ? this.translator.date(closesAt) : '');
  }

  /** @param {State} state */
  announceTotals(state) {
    this.announcer.announceTotals(() => (this.translator ? totalsText(this.translator, state) : ''));
  }

  /** @param {WidgetTranslator} translator @param {State} state @param {Poll} poll @param {number} now */
  #updatePoll(translator, state, poll, now) {
    const ballotShown = isBallotShown(state);
    const ranking = ballotShown && isRanked(poll);
    setText(this.phase, translator.t(phaseKey(currentPhase(state))));
    this.tick(state, now);
    this.question.lang = this.description.lang = poll.lang ?? '';
    setText(this.question, poll.question);
    setTextOrHide(this.description, poll.description ?? null);
    const isForecast = Boolean(poll.forecast);
    const special = ranking ? this.ranking : isForecast ? this.forecast : null;
    this.list.hidden = ranking || (ballotShown && isForecast);
    for (const ballot of [this.ranking, this.forecast]) if (ballot) ballot.list.hidden = !this.list.hidden || ballot !== special;
    if ((ranking || isForecast) && !special) this.#loadBallot(isForecast);
    if (this.list.hidden) special?.update(buildRows(state), poll, translator, state);
    else this.rows.update(buildRows(state), { editable: ballotShown, poll, translator });
    if (!this.list.hidden) this.forecast?.showCrowd(this.list, state, translator);
    setTextOrHide(this.hint, ranking ? this.ranking?.hint ?? null : hintText(translator, state));
    this.#updateButtons(translator, state, poll, ballotShown);
    setTextOrHide(this.notice, state.notice ?? phaseText(translator, state));
    this.notice.classList.toggle('is-new', state.notice !== null);
    this.notice.dataset.prediction = state.notice === null ? predictionResult(state) ?? '' : '';
    this.#updateFooter(translator, state, poll);
  }

  /** Load the ballot of forecasts or of ranked polls. If that fails, the next update tries again. @param {boolean} isForecast */
  async #loadBallot(isForecast) {
    if (this.#isLoadingBallot) return;
    this.#isLoadingBallot = true;
    try {
      const module = await (isForecast ? import(new URL('forecast.js', import.meta.url).href) : import(new URL('ranking.js', import.meta.url).href));
      addStyles(/** @type {ShadowRoot} */ (this.card.getRootNode()), module.styles);
      if (isForecast) this.forecast = new module.Forecast();
      else this.ranking = new module.Ranking((/** @type {string} */ text) => this.announcer.announce(text));
      this.list.after(/** @type {HTMLElement} */ ((this.forecast ?? this.ranking)?.list));
    } catch {
      await delay(jitteredDelayMs(2));
    }
    this.#isLoadingBallot = false;
    this.onChange();
  }

  /** @param {WidgetTranslator} translator @param {State} state @param {Poll} poll @param {boolean} ballotShown */
  #updateButtons(translator, state, poll, ballotShown) {
    const { mine, changing, sending, resultsOnly } = state;
    const open = currentPhase(state) === 'open' && !resultsOnly && canVoteIn(poll);
    const mayChange = open && mine !== null && !changing;
    const unlimited = poll.identity === 'open'; // each vote is a new one and replaces none
    setText(this.voteButton, translator.t(sending ? 'voting' : changing && !unlimited ? 'save' : 'vote'));
    setText(this.changeButton, translator.t(unlimited ? 'voteAgain' : 'change'));
    setText(this.withdrawButton, translator.t('withdraw'));
    setText(this.cancelButton, translator.t('cancel'));
    setText(this.verifyButton, translator.t('verify'));
    this.voteButton.setAttribute('aria-disabled', String(sending));
    this.voteButton.hidden = !ballotShown || !this.ballotFor(poll);
    this.changeButton.hidden = !mayChange || (poll.revote === 'never' && !unlimited);
    this.withdrawButton.hidden = !mayChange || poll.revote !== 'withdraw' || unlimited;
    this.cancelButton.hidden = !ballotShown || !changing || unlimited;
    this.verifyButton.hidden = !state.checkable || mine === null || changing || sending || resultsOnly;
    this.actions.hidden = !this.actions.querySelector(':not([hidden])');
  }

  /** @param {WidgetTranslator} translator @param {State} state @param {Poll} poll */
  #updateFooter(translator, { results, connection }, poll) {
    const texts = voterTexts(translator, poll, results);
    if (texts.length && isMultiple(poll)) texts.push(translator.t('multipleAnswers'));
    setText(this.voters, texts.join(' · '));
    const ended = Boolean(results?.final) && connection === 'live';
    setText(this.connection, translator.t(ended ? 'final' : connection));
    this.connection.dataset.state = ended ? 'final' : connection;
  }

  /** @param {string} instant @param {number} now @param {'opensIn' | 'closesIn'} ahead @param {'opening' | 'closing'} reached */
  #countdown(instant, now, ahead, reached) {
    const translator = /** @type {WidgetTranslator} */ (this.translator);
    const leftMs = Date.parse(instant) - now;
    if (leftMs <= 0) return translator.t(reached);
    const left = translator.t(ahead, { left: translator.timeLeft(leftMs) });
    return leftMs > SHOW_DATE_FROM_MS ? `${left} · ${translator.date(instant)}` : left;
  }

  #hasFocus() {
    const root = /** @type {ShadowRoot} */ (this.card.getRootNode());
    const focused = /** @type {HTMLElement | null} */ (root.activeElement);
    return focused !== null && focused.offsetParent !== null;
  }

  /** Move the focus of a removed control to the message that explains it. */
  #restoreFocus() {
    const next = [this.notice, this.trouble].find((element) => !element.hidden);
    if (next === this.trouble) next.tabIndex = -1;
    next?.focus({ preventScroll: true });
  }
}

function createButton(names = 'button') {
  const button = createElement('button', names);
  button.type = 'button';
  return button;
}
