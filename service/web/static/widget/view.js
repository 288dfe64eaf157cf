/**
 * The widget's elements, made once, and how they follow what is known.
 *
 * Updates only write what differs; nothing is ever thrown away and built anew under a reader's hands.
 */
import { Announcer } from './announcer.js';
import { make, write, writeOrHide } from './build.js';
import { boundsOf, canAsk, isAsking, phaseOf, rowsOf, takesSeveral } from './model.js';
import { Rows } from './rows.js';
import { day, moment, share, texts, timeLeft } from './words.js';

/** @typedef {import('./model.js').State} State */

const TROUBLES = { unknown: texts.unknownPoll, gone: texts.takenDown, unreachable: texts.unreachable, unnamed: texts.noId };
/** A closing further off than this needs no clock. */
const DATE_FROM_MS = 14 * 24 * 3600 * 1000;

export class View {
  /** @param {ShadowRoot} root */
  constructor(root) {
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
    this.vote = make('button', 'button primary', [texts.vote]);
    this.vote.type = 'submit';
    this.change = plainButton(texts.change);
    this.takeBack = plainButton(texts.takeBack);
    this.keep = plainButton(texts.keep);
    this.actions = make('div', 'actions', [this.vote, this.change, this.takeBack, this.keep]);
    this.notice = make('p', 'notice');
    this.notice.tabIndex = -1;
    this.form = make('form', 'form', [this.fieldset, this.actions, this.notice]);
    this.form.noValidate = true;
    this.voters = make('span', 'voters');
    this.connection = make('span', 'connection');
    this.footer = make('footer', 'footer', [this.voters, this.connection]);
    this.trouble = make('p', 'trouble', [texts.loading]);
    const region = make('div', 'announcements');
    region.setAttribute('aria-live', 'polite');
    this.announcer = new Announcer(region);
    this.card = make('section', 'poll', [this.status, this.form, this.trouble, this.footer]);
    root.append(this.card, region);
  }

  /** @param {State} state @param {number} now by the service's clock */
  update(state, now) {
    const { poll, trouble } = state;
    const held = this.#holdsFocus();
    this.card.dataset.phase = phaseOf(state);
    writeOrHide(this.trouble, trouble ? TROUBLES[trouble] : poll ? null : texts.loading);
    this.status.hidden = this.form.hidden = this.footer.hidden = !poll || trouble === 'gone';
    if (poll) this.#poll(state, poll, now);
    if (held && !this.#holdsFocus()) this.#rescueFocus();
  }

  /** What changes by itself as time goes by. @param {State} state @param {number} now */
  tick({ poll, results, ...state }, now) {
    if (!poll) return;
    const phase = phaseOf({ poll, results, ...state });
    const closesAt = results ? results.closes_at : poll.closes_at;
    if (phase === 'scheduled') write(this.clock, until(poll.opens_at, now, texts.opensIn, texts.opening));
    else if (phase === 'open' && closesAt) write(this.clock, until(closesAt, now, texts.closesIn, texts.closing));
    else write(this.clock, closesAt && phase !== 'open' ? day(closesAt) : '');
  }

  /** @param {State} state */
  sayTotals(state) {
    this.announcer.soon(() => totalsInWords(state));
  }

  /** @param {State} state @param {import('../client/types.js').Poll} poll @param {number} now */
  #poll(state, poll, now) {
    const phase = phaseOf(state);
    const asking = isAsking(state);
    write(this.phase, texts.phases[phase] ?? texts.otherPhase);
    this.tick(state, now);
    this.question.lang = this.description.lang = poll.lang ?? '';
    write(this.question, poll.question);
    writeOrHide(this.description, poll.description ?? null);
    writeOrHide(this.hint, hintOf(state, poll, asking));
    this.rows.update(rowsOf(state), state.results?.voters ?? 0, { asking, several: takesSeveral(poll), lang: poll.lang ?? '' });
    this.#buttons(state, poll, asking);
    writeOrHide(this.notice, state.notice ?? standingNotice(state, poll));
    this.notice.classList.toggle('is-news', state.notice !== null);
    this.#foot(state, poll);
  }

  /** @param {State} state @param {import('../client/types.js').Poll} poll @param {boolean} asking */
  #buttons({ mine, changing, sending, resultsOnly, ...state }, poll, asking) {
    const open = phaseOf({ ...state, mine, changing, sending, resultsOnly }) === 'open' && !resultsOnly && canAsk(poll);
    const mayChange = open && mine !== null && !changing;
    this.vote.hidden = !asking;
    const anew = poll.identity === 'open'; // there is no earlier vote that a new one would replace
    write(this.vote, sending ? texts.voting : changing && !anew ? texts.save : texts.vote);
    this.vote.setAttribute('aria-disabled', String(sending));
    this.change.hidden = !mayChange || (poll.revote === 'never' && !anew);
    write(this.change, anew ? texts.again : texts.change);
    this.takeBack.hidden = !mayChange || poll.revote !== 'withdraw';
    this.keep.hidden = !asking || !changing || anew;
    this.actions.hidden = [this.vote, this.change, this.takeBack, this.keep].every((button) => button.hidden);
  }

  /** @param {State} state @param {import('../client/types.js').Poll} poll */
  #foot({ results, connection }, poll) {
    const voters = results?.phase === 'scheduled' ? undefined : results?.voters;
    const several = takesSeveral(poll) ? ` · ${texts.severalEach}` : '';
    const mean = typeof results?.mean === 'number' ? ` · ${texts.mean(results.mean)}` : '';
    write(this.voters, voters === undefined ? '' : texts.voters(voters) + several + mean);
    const ended = Boolean(results?.final) && connection === 'live';
    write(this.connection, ended ? texts.final : texts.connections[connection]);
    this.connection.dataset.state = ended ? 'final' : connection;
  }

  #holdsFocus() {
    const root = /** @type {ShadowRoot} */ (this.card.getRootNode());
    return root.activeElement !== null && /** @type {HTMLElement} */ (root.activeElement).offsetParent !== null;
  }

  /** What had the focus is gone: the reader goes on at the news of why, not at the top of the page. */
  #rescueFocus() {
    const next = [this.notice, this.trouble].find((element) => !element.hidden);
    if (next === this.trouble) next.tabIndex = -1;
    next?.focus({ preventScroll: true });
  }
}

/** @param {string} text */
function plainButton(text) {
  const button = make('button', 'button', [text]);
  button.type = 'button';
  return button;
}

/**
 * @param {string} instant
 * @param {number} now
 * @param {(left: string) => string} phrase
 * @param {string} reached
 */
function until(instant, now, phrase, reached) {
  const leftMs = Date.parse(instant) - now;
  if (leftMs > DATE_FROM_MS) return `${phrase(timeLeft(leftMs))} · ${day(instant)}`;
  return leftMs > 0 ? phrase(timeLeft(leftMs)) : reached;
}

/** @param {State} state @param {import('../client/types.js').Poll} poll @param {boolean} asking */
function hintOf(state, poll, asking) {
  if (asking && takesSeveral(poll)) return texts.chooseSome(boundsOf(poll).min, boundsOf(poll).max);
  if (phaseOf(state) === 'open' && !canAsk(poll)) return texts.cannotVoteHere;
  return null;
}

/** What is to be said while nothing has just happened. @param {State} state @param {import('../client/types.js').Poll} poll */
function standingNotice(state, poll) {
  const phase = phaseOf(state);
  if (phase === 'scheduled') return texts.opensAt(moment(poll.opens_at));
  if (phase === 'canceled') return texts.canceled;
  if (poll.resolution && poll.resolution.outcome === null) return texts.annulled;
  if (state.results?.hidden) return whenShown(poll, phase);
  if (phase !== 'closed') return null;
  const closesAt = state.results?.closes_at ?? poll.closes_at;
  return closesAt ? texts.closedAt(moment(closesAt)) : texts.closedForGood;
}

/** @param {import('../client/types.js').Poll} poll @param {string} phase */
function whenShown(poll, phase) {
  if (poll.results === 'after_vote') return phase === 'open' ? texts.hiddenUntilVote : texts.hiddenUntilClose;
  return poll.results === 'after_close' ? texts.hiddenUntilClose : texts.hiddenUntilPublished;
}

/** @param {State} state */
function totalsInWords(state) {
  const voters = state.results?.voters ?? 0;
  const rows = rowsOf(state).filter((row) => row.votes !== null).slice(0, 5);
  return [texts.voters(voters), ...rows.map((row) => `${row.label}: ${share(row.votes ?? 0, voters)}`)].join('. ');
}
