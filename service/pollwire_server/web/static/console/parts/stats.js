/**
 * Key figures of a poll: voters, votes per second with a sparkline, countdown and connection.
 */
import { el, setChildren, svg, setText } from '../dom.js';
import { formatDateTime, formatDuration } from '../date_format.js';
import { decimal, number, t } from '../i18n.js';
import { rowsOf } from './bars.js';
import { VoteRate } from './vote_rate.js';

/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {import('../types.js').Results} Results */

const [WIDTH, HEIGHT] = [120, 28];

export class Stats {
  #rate = new VoteRate();
  #aheadMs = 0;
  #voters = el('dd', {}, '–');
  #pace = el('dd', {}, '–');
  #minute = el('dd', { class: 'sparkline', 'aria-hidden': 'true' });
  #clockName = el('dt', {});
  #clock = el('dd', {});
  #time = el('dd', { class: 'fine' });
  #extraName = el('dt', {});
  #extra = el('dd', {});
  #connection = el('dd', { class: 'connection', 'data-state': 'away' });
  #extraBox = el('div', { hidden: true }, this.#extraName, this.#extra);
  element = el('dl', { class: 'stats' },
    el('div', {}, el('dt', {}, t.poll.voters), this.#voters),
    el('div', { title: t.poll.rateHint }, el('dt', {}, t.poll.rate), this.#pace, this.#minute),
    this.#extraBox,
    el('div', {}, this.#clockName, this.#clock, this.#time),
    el('div', {}, el('dt', {}, t.poll.connection), this.#connection));

  /** @param {Results} results */
  note(results) {
    this.#aheadMs = Date.parse(results.as_of) - performance.now();
    this.#rate.note(results);
  }

  /** @param {Poll} poll @param {Results | undefined} results */
  update(poll, results) {
    setText(this.#voters, results?.voters === undefined ? '–' : number(results.voters));
    const winner = results?.winner && rowsOf(poll).find(({ id }) => id === results.winner)?.label;
    const mean = typeof results?.mean === 'number' ? decimal(results.mean) : '';
    this.#extraBox.hidden = !winner && !mean;
    setText(this.#extraName, winner ? t.poll.winner : t.poll.average);
    setText(this.#extra, winner || mean);
    this.tick(poll, results);
  }

  /** Update the values that depend on the clock. @param {Poll} poll @param {Results | undefined} results */
  tick(poll, results) {
    const now = this.#aheadMs ? performance.now() + this.#aheadMs : Date.now();
    const phase = results?.phase ?? poll.phase;
    const instant = phase === 'scheduled' ? poll.opens_at : (results ?? poll).closes_at;
    const isPending = phase === 'scheduled' || phase === 'open';
    setText(this.#clockName, isPending ? (phase === 'open' ? t.poll.closesIn : t.poll.opensIn) : t.list.phase);
    setText(this.#clock, isPending ? (instant ? formatDuration(Date.parse(instant) - now) : '–') : (t.phases[phase] ?? phase));
    setText(this.#time, instant ? formatDateTime(instant) : isPending ? t.poll.noEndDate : '');
    setText(this.#pace, results ? decimal(this.#rate.perSecond, 1) : '–');
    setChildren(this.#minute, sparkline(this.#rate.minute));
  }

  /** @param {'live' | 'delayed' | 'away'} state */
  connected(state) {
    this.#connection.dataset.state = state;
    setText(this.#connection, t.list[state]);
  }
}

/** @param {number[]} values */
function sparkline(values) {
  const most = Math.max(1, ...values);
  const step = WIDTH / (values.length - 1);
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 3)).toFixed(1)}`);
  return svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none' }, svg('polyline', { points: points.join(' ') }));
}
