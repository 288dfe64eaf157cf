/**
 * One poll: its totals as they move, what was done to it, and what may be done now.
 */
import { actsFor } from '../actions.js';
import { delay } from '../../client/backoff.js';
import { ask, base, pollPath, Refusal } from '../api.js';
import { button, el, own, put, write } from '../dom.js';
import { follow } from '../live.js';
import { doAct, scoringText } from '../parts/action_dialog.js';
import { Audit } from '../parts/audit.js';
import { Bars, rowsOf } from '../parts/bars.js';
import { Chart } from '../parts/chart.js';
import { embedCard } from '../parts/embed.js';
import { Facts } from '../parts/details.js';
import { Figures } from '../parts/stats.js';
import { sentenceOf } from '../parts/toast.js';
import { votesData } from '../parts/recount_export.js';
import { go, hashOf } from '../router.js';
import { session } from '../session.js';
import { t } from '../i18n.js';
import { pill } from './polls.js';

/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {import('../types.js').Results} Results */

const TIMELINE_EVERY_MS = 15_000;
/** What a poll in this phase most likely waits for. */
const FIRST_ACTS = ['open', 'resolve'];
const SCORING_EVERY_MS = 1000;
/** The poll itself is not read more often than this, whatever frames suggest. */
const READ_AGAIN_MS = 1000;

/** @type {import('../console.js').View} */
export function pollView(place, route, life) {
  const id = route.path[1];
  place.append(el('p', { class: 'quiet' }, t.loading));
  if (!session.may('polls:read')) put(place, el('h1', {}, id), el('p', { class: 'empty' }, t.needs('polls:read')));
  else begin(place, id, life);
  return { title: id };
}

/** @param {HTMLElement} place @param {string} id @param {AbortSignal} life */
async function begin(place, id, life) {
  try {
    const poll = await ask(pollPath(id));
    if (life.aborted) return;
    document.title = `${poll.question} · Pollwire`;
    new PollPage(place, poll, life).begin();
  } catch (error) {
    if (life.aborted) return;
    const missing = error instanceof Refusal && error.status === 404;
    put(place, backLink(), el('h1', {}, id), el('p', { class: 'empty' }, missing ? t.poll.missing : sentenceOf(error)), !missing && button(t.again, () => begin(place, id, life)));
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
  #acts = el('div', { class: 'acts' });
  #news = el('p', { class: 'news', role: 'status', hidden: true });
  #data = el('div', {});
  #bars = new Bars();
  #chart = new Chart();
  #facts = new Facts();
  #figures = new Figures();

  /** @param {HTMLElement} place @param {Poll} poll @param {AbortSignal} life */
  constructor(place, poll, life) {
    this.place = place;
    this.poll = poll;
    this.life = life;
    this.audit = new Audit(poll.id);
  }

  begin() {
    const { id, kind } = this.poll;
    const totals = el('section', { class: 'card' }, el('h2', {}, t.poll.totals), kind === 'ranked' && el('p', { class: 'hint' }, t.poll.rankedNote), this.#bars.element);
    const overTime = el('section', { class: 'card' }, el('h2', {}, t.poll.timeline), this.#chart.element);
    put(this.place, this.#head(), this.#news, this.#acts, this.#figures.element,
      el('div', { class: 'columns' }, el('div', {}, totals, overTime, this.audit.element), el('div', {}, this.#facts.element, this.#data, embedCard(id))));
    this.#draw();
    this.audit.load();
    this.#readTimeline();
    follow([id], { results: (results) => this.#receive(results), gone: () => this.#gone(), connection: (state) => this.#figures.connected(state) });
    const timers = [setInterval(() => this.#readTimeline(), TIMELINE_EVERY_MS), setInterval(() => this.#tick(), 1000)];
    this.life.addEventListener('abort', () => {
      timers.forEach(clearInterval);
      follow([], null);
    });
  }

  #tick() {
    this.#figures.tick(this.poll, this.#results);
    this.#drawChart();
  }

  #head() {
    const { id, kind } = this.poll;
    const page = el('a', { class: 'button', href: new URL(`polls/${encodeURIComponent(id)}`, base).href, target: '_blank', rel: 'noopener' }, t.poll.openPage);
    const edit = session.may('polls:write') && el('a', { class: 'button', href: hashOf(['polls', id, 'edit']) }, t.poll.edit);
    return el('div', { class: 'poll-head' }, backLink(), el('div', { class: 'head' }, el('h1', {}, this.#question), el('div', { class: 'push buttons' }, edit, page)),
      el('p', { class: 'sub' }, this.#phase, el('code', {}, id), ` · ${t.kinds[kind] ?? kind}`));
  }

  #draw() {
    const { poll } = this;
    put(this.#phase, pill(poll.phase));
    write(this.#question, poll.question);
    this.#question.lang = poll.lang ?? '';
    this.#facts.update(poll);
    this.#drawActs();
    put(this.#data, votesData(() => this.poll, () => this.#results?.voters));
    this.#drawTotals();
  }

  #drawTotals() {
    this.#bars.update(this.poll, this.#results);
    this.#figures.update(this.poll, this.#results);
  }

  #drawActs() {
    if (!session.may('polls:write')) return put(this.#acts, el('p', { class: 'quiet reason' }, t.needs('polls:write')));
    const held = this.#acts.contains(document.activeElement) ? document.activeElement?.getAttribute('data-act') : null;
    const acts = actsFor(this.poll).map((act) =>
      button(t.acts.names[act.name], () => this.#act(act), { class: `button ${act.danger ? 'grave' : FIRST_ACTS.includes(act.name) ? 'primary' : ''}`, 'data-act': act.name }));
    put(this.#acts, el('h2', { class: 'unseen' }, t.acts.heading), ...acts);
    if (held) (acts.find((one) => one.dataset.act === held) ?? acts[0])?.focus();
  }

  /** @param {import('../actions.js').Act} act */
  async #act(act) {
    const done = await doAct(act, () => ({ poll: this.poll, voters: this.#results?.voters }), () => this.#read());
    if (done === null) return;
    if (done.answer.deleted) return go([]);
    if (done.answer.pending) return this.#followScoring(done.answer, done.repeat);
    this.#stands(done.answer);
  }

  /** A resolution may go on after its answer; the same act again goes on with it, and tells how far it is. @param {any} progress @param {() => Promise<any>} repeat */
  async #followScoring(progress, repeat) {
    for (let answer = progress; ; answer = await repeat()) {
      if (this.life.aborted) return;
      if (!answer.pending) {
        this.#tell('');
        return this.#stands(answer);
      }
      this.#tell(scoringText(answer));
      await delay(SCORING_EVERY_MS);
    }
  }

  /** @param {Poll} poll */
  #stands(poll) {
    this.poll = poll;
    this.#draw();
    this.audit.load();
  }

  /** @param {Results} results */
  #receive(results) {
    const held = this.#results;
    this.#results = results;
    this.#figures.note(results);
    this.#drawTotals();
    const moved = results.phase !== this.poll.phase || results.closes_at !== this.poll.closes_at;
    const edited = held && held.epoch === results.epoch && held.seq === results.seq;
    const known = rowsOf(this.poll).length === Object.keys(results.counts ?? {}).length;
    if (moved || edited || !known) this.#readSoon();
  }

  #readSoon() {
    const waitMs = Math.max(0, this.#readAt + READ_AGAIN_MS - performance.now());
    this.#readAt = performance.now() + waitMs;
    setTimeout(() => this.life.aborted || this.#read(), waitMs);
  }

  async #read() {
    try {
      const poll = await ask(pollPath(this.poll.id));
      if (!this.life.aborted && (poll.version !== this.poll.version || poll.phase !== this.poll.phase)) this.#stands(poll);
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) this.#gone();
    }
  }

  async #readTimeline() {
    try {
      const { points } = await ask(pollPath(this.poll.id, 'timeline'));
      this.#points = points;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // else it is asked for again by and by
    }
    if (!this.life.aborted) this.#drawChart();
  }

  /** What was read of the past, and the present at its end. */
  #drawChart() {
    const { as_of: at = '', voters = 0, counts } = this.#results ?? {};
    const last = this.#points.at(-1);
    const isNews = counts && (!last || (at > last.at && (this.poll.phase === 'open' || voters !== last.voters)));
    this.#chart.update(this.poll, isNews ? [...this.#points, { at, voters, counts }] : this.#points);
  }

  #gone() {
    this.#tell(t.poll.deleted);
    put(this.#acts);
  }

  /** @param {string} text */
  #tell(text) {
    this.#news.hidden = !text;
    write(this.#news, text);
  }
}
