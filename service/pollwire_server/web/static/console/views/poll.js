/**
 * Page of one poll: live results, audit log and the available actions.
 */
import { actionsFor } from '../actions.js';
import { delay } from '../../client/backoff.js';
import { request, base, pollPath, ApiError } from '../api.js';
import { button, el, isolated, setChildren, setText } from '../dom.js';
import { watchPolls } from '../live.js';
import { runAction, scoringText } from '../parts/action_dialog.js';
import { Audit } from '../parts/audit.js';
import { Bars, rowsOf } from '../parts/bars.js';
import { Chart } from '../parts/chart.js';
import { embedCard } from '../parts/embed.js';
import { Details } from '../parts/details.js';
import { Stats } from '../parts/stats.js';
import { errorMessage } from '../parts/toast.js';
import { votesData } from '../parts/recount_export.js';
import { go, hashOf } from '../router.js';
import { session } from '../session.js';
import { t } from '../i18n.js';
import { pill } from './polls.js';

/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {import('../types.js').Results} Results */

const TIMELINE_EVERY_MS = 15_000;
/** Actions shown as primary buttons. */
const PRIMARY_ACTIONS = ['open', 'resolve'];
const SCORING_INTERVAL_MS = 1000;
/** Minimum interval between two reads of the poll, however often frames arrive. */
const READ_AGAIN_MS = 1000;

/** @type {import('../console.js').View} */
export function pollView(place, route, signal) {
  const id = route.path[1];
  place.append(el('p', { class: 'quiet' }, t.loading));
  if (!session.hasScopes('polls:read')) setChildren(place, el('h1', {}, id), el('p', { class: 'empty' }, t.missingPermission('polls:read')));
  else begin(place, id, signal);
  return { title: id };
}

/** @param {HTMLElement} place @param {string} id @param {AbortSignal} signal */
async function begin(place, id, signal) {
  try {
    const poll = await request(pollPath(id));
    if (signal.aborted) return;
    document.title = `${poll.question} · Pollwire`;
    new PollPage(place, poll, signal).begin();
  } catch (error) {
    if (signal.aborted) return;
    const missing = error instanceof ApiError && error.status === 404;
    setChildren(place, backLink(), el('h1', {}, id), el('p', { class: 'empty' }, missing ? t.poll.notFound : errorMessage(error)), !missing && button(t.tryAgain, () => begin(place, id, signal)));
  }
}

function backLink() {
  return el('a', { class: 'back', href: hashOf([]) }, t.poll.back);
}

class PollPage {
  /** @type {Results | undefined} */
  #results;
  #readAt = 0;
  /** @type {import('../types.js').Point[]} */
  #points = [];
  #phase = el('span', {});
  #question = el('bdi', {});
  #actions = el('div', { class: 'actions' });
  #notice = el('p', { class: 'notice', role: 'status', hidden: true });
  #data = el('div', {});
  #bars = new Bars();
  #chart = new Chart();
  #details = new Details();
  #stats = new Stats();

  /** @param {HTMLElement} place @param {Poll} poll @param {AbortSignal} signal */
  constructor(place, poll, signal) {
    this.place = place;
    this.poll = poll;
    this.signal = signal;
    this.audit = new Audit(poll.id);
  }

  begin() {
    const { id, kind } = this.poll;
    const totals = el('section', { class: 'card' }, el('h2', {}, t.poll.totals), kind === 'ranked' && el('p', { class: 'hint' }, t.poll.rankedNote), this.#bars.element);
    const overTime = el('section', { class: 'card' }, el('h2', {}, t.poll.timeline), this.#chart.element);
    const live = session.hasScopes('results:read') ? [totals, overTime] : [];
    setChildren(this.place, this.#head(), this.#notice, this.#actions, live.length > 0 && this.#stats.element,
      el('div', { class: 'columns' }, el('div', {}, ...live, this.audit.element), el('div', {}, this.#details.element, this.#data, embedCard(id))));
    this.#draw();
    this.audit.load();
    if (!session.hasScopes('results:read')) return;
    this.#readTimeline();
    watchPolls([id], { results: (results) => this.#receive(results), deleted: () => this.#showDeleted(), connection: (state) => this.#stats.connected(state) });
    const timers = [setInterval(() => this.#readTimeline(), TIMELINE_EVERY_MS), setInterval(() => this.#tick(), 1000)];
    this.signal.addEventListener('abort', () => {
      timers.forEach(clearInterval);
      watchPolls([], null);
    });
  }

  #tick() {
    this.#stats.tick(this.poll, this.#results);
    this.#drawChart();
  }

  #head() {
    const { id, kind } = this.poll;
    const page = el('a', { class: 'button', href: new URL(`polls/${encodeURIComponent(id)}`, base).href, target: '_blank', rel: 'noopener' }, t.poll.openPage);
    const edit = session.hasScopes('polls:write') && el('a', { class: 'button', href: hashOf(['polls', id, 'edit']) }, t.poll.edit);
    return el('div', { class: 'poll-head' }, backLink(), el('div', { class: 'head' }, el('h1', {}, this.#question), el('div', { class: 'push buttons' }, edit, page)),
      el('p', { class: 'sub' }, this.#phase, el('code', {}, id), ` · ${t.kinds[kind] ?? kind}`));
  }

  #draw() {
    const { poll } = this;
    setChildren(this.#phase, pill(poll.phase));
    setText(this.#question, poll.question);
    this.#question.lang = poll.lang ?? '';
    this.#details.update(poll);
    this.#drawActions();
    setChildren(this.#data, votesData(() => this.poll, () => this.#results?.voters));
    this.#drawTotals();
  }

  #drawTotals() {
    this.#bars.update(this.poll, this.#results);
    this.#stats.update(this.poll, this.#results);
  }

  #drawActions() {
    const focused = this.#actions.contains(document.activeElement) ? document.activeElement?.getAttribute('data-act') : null;
    const buttons = actionsFor(this.poll).map((action) =>
      button(t.actions.names[action.name], () => this.#runAction(action), { class: `button ${action.danger ? 'destructive' : PRIMARY_ACTIONS.includes(action.name) ? 'primary' : ''}`, 'data-act': action.name }));
    const reason = !session.hasScopes('polls:write') && el('p', { class: 'quiet reason' }, t.missingPermission('polls:write'));
    setChildren(this.#actions, el('h2', { class: 'visually-hidden' }, t.actions.heading), reason, ...buttons);
    if (focused) (buttons.find((one) => one.dataset.act === focused) ?? buttons[0])?.focus();
  }

  /** @param {import('../actions.js').Action} action */
  async #runAction(action) {
    const result = await runAction(action, () => ({ poll: this.poll, voters: this.#results?.voters, results: this.#results }), () => this.#read());
    if (result === null) return;
    if (result.response.deleted) return go([]);
    if (result.response.pending) return this.#followScoring(result.response, result.repeat);
    this.#applyPoll(result.response);
  }

  /** Repeat the request until scoring is complete, and show the progress. @param {any} progress @param {() => Promise<any>} repeat */
  async #followScoring(progress, repeat) {
    for (let response = progress; ; response = await repeat()) {
      if (this.signal.aborted) return;
      if (!response.pending) {
        this.#showNotice('');
        return this.#applyPoll(response);
      }
      this.#showNotice(scoringText(response));
      await delay(SCORING_INTERVAL_MS);
    }
  }

  /** @param {Poll} poll */
  #applyPoll(poll) {
    this.poll = poll;
    this.#draw();
    this.audit.load();
  }

  /** @param {Results} results */
  #receive(results) {
    const latest = this.#results;
    this.#results = results;
    this.#stats.note(results);
    this.#drawTotals();
    const moved = results.phase !== this.poll.phase || results.closes_at !== this.poll.closes_at;
    const edited = latest && latest.epoch === results.epoch && latest.seq === results.seq;
    const known = rowsOf(this.poll).length === Object.keys(results.counts ?? {}).length;
    if (moved || edited || !known) this.#readSoon();
  }

  #readSoon() {
    const waitMs = Math.max(0, this.#readAt + READ_AGAIN_MS - performance.now());
    this.#readAt = performance.now() + waitMs;
    setTimeout(() => this.signal.aborted || this.#read(), waitMs);
  }

  async #read() {
    try {
      const poll = await request(pollPath(this.poll.id));
      if (!this.signal.aborted && (poll.version !== this.poll.version || poll.phase !== this.poll.phase)) this.#applyPoll(poll);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.#showDeleted();
    }
  }

  async #readTimeline() {
    try {
      const { points } = await request(pollPath(this.poll.id, 'timeline'));
      this.#points = points;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // retried by the next interval
    }
    if (!this.signal.aborted) this.#drawChart();
  }

  /** Draw the stored timeline, with the current results as its last point. */
  #drawChart() {
    const { as_of: at = '', voters = 0, counts } = this.#results ?? {};
    const last = this.#points.at(-1);
    const isNewer = counts && (!last || (at > last.at && (this.poll.phase === 'open' || voters !== last.voters)));
    this.#chart.update(this.poll, isNewer ? [...this.#points, { at, voters, counts }] : this.#points, this.#results);
  }

  #showDeleted() {
    this.#showNotice(t.poll.deleted);
    setChildren(this.#actions);
  }

  /** @param {string} text */
  #showNotice(text) {
    this.#notice.hidden = !text;
    setText(this.#notice, text);
  }
}
