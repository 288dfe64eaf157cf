/**
 * Results over time: the timeline, read once and extended by each frame, as a chart and a table.
 *
 * Both are drawn at most four times a second.
 */
import { orderByResult } from '../../results/leading.js';
import { roundProportion, sharesOf } from '../../results/shares.js';
import { byId, createTable, fetchJson, setText, setTextOrHide, throttle } from './dom.js';
import { appendPoint, isRating, chartLines, meanRating, orderByRounds, parsePoint, axisMaximum, MAX_LINES } from './series.js';
import { Chart } from './chart.js';
import { Clock } from '../../client/clock.js';

/** @typedef {import('../../widget/model.js').State} State */

const DRAW_INTERVAL_MS = 250;
/** Delay after a failed read. */
const RETRY_DELAY_MS = 5000;
const MAX_ROWS = 12;
/** Interval at which the lines are extended to the present without new votes. */
const EXTEND_INTERVAL_MS = 10_000;

export class History {
  /** @type {import('./series.js').Point[]} */
  points = [];
  /** The epoch of the points, or `hidden`. */
  source = '';
  clock = new Clock();
  /** @type {State | null} */
  state = null;
  /** The rounds of a ranked poll. @type {import('./runoff_layout.js').Round[]} */
  rounds = [];

  /** @param {import('./i18n.js').PageTranslator} translator */
  constructor(translator) {
    this.translator = translator;
    this.chart = new Chart(byId('chart'), translator.locale, translator.direction === 'rtl');
    this.scheduleDraw = throttle(DRAW_INTERVAL_MS, () => this.#draw());
    byId('show-points').addEventListener('click', () => this.#toggle());
    setInterval(() => this.state?.results?.phase === 'open' && this.scheduleDraw(), EXTEND_INTERVAL_MS);
  }

  /** @param {State} state */
  update(state) {
    const { poll, results, trouble } = state;
    this.state = state;
    byId('history').hidden = !poll || trouble === 'gone' || (results?.phase ?? poll.phase) === 'scheduled';
    if (!poll || !results) return;
    this.clock.update(results.as_of);
    const source = results.hidden ? 'hidden' : results.epoch;
    if (source !== this.source) this.#restart(poll.id, source);
    if (!results.hidden && results.counts) {
      appendPoint(this.points, { at: Date.parse(results.as_of), voters: results.voters ?? 0, counts: results.counts, forecast: results.forecast });
    }
    this.scheduleDraw();
  }

  /** Choose the lines by the rounds of a ranked poll. @param {import('./runoff_layout.js').Round[]} rounds */
  showRounds(rounds) {
    this.rounds = rounds;
    this.scheduleDraw();
  }

  /** Return the ids of the options, best first by the poll's own rule. @param {import('../../client/types.js').Poll} poll */
  #ranking(poll) {
    const ids = (poll.options ?? []).map(({ id }) => id);
    return this.rounds.length ? orderByRounds(ids, this.rounds) : orderByResult(ids, poll.kind, this.state?.results);
  }

  /** Return the rounded shares of all options at a point as text. @param {import('../../client/types.js').Poll} poll @param {import('./series.js').Point} point */
  #shareTexts(poll, point) {
    const ids = (poll.options ?? []).map(({ id }) => id);
    const { shares, digits } = sharesOf(point, ids);
    return new Map(ids.map((id, index) => [id, this.translator.percent(shares[index], digits)]));
  }

  /** Start again after a change of the epoch or of the reader's permission. @param {string} id @param {string} source */
  #restart(id, source) {
    this.source = source;
    this.points = [];
    if (source !== 'hidden') this.#loadTimeline(id, source);
  }

  /** @param {string} id @param {string} source */
  async #loadTimeline(id, source) {
    const { status, document } = await fetchJson(`polls/${encodeURIComponent(id)}/timeline`);
    if (source !== this.source) return;
    if (status === 0 || status >= 429) return void setTimeout(() => source === this.source && this.#loadTimeline(id, source), RETRY_DELAY_MS);
    if (status !== 200) return; // the chart starts with the first frame
    const newer = this.points;
    this.points = document.points.map(parsePoint);
    for (const point of newer) appendPoint(this.points, point);
    this.scheduleDraw();
  }

  #draw() {
    const poll = this.state?.poll;
    const results = this.state?.results;
    if (!poll || !results) return;
    const hidden = Boolean(results.hidden);
    const points = this.#extendedPoints(results);
    const drawable = !hidden && points.length > 0 && (results.voters ?? 0) > 0;
    setTextOrHide(byId('history-note'), hidden ? this.#hiddenResultsKey(poll, results.phase) : drawable ? null : this.translator.t(results.phase === 'open' ? 'noHistory' : 'noVotes'));
    byId('chart').hidden = !drawable;
    byId('totals').hidden = hidden || !results.counts;
    byId('history-tools').hidden = !drawable;
    if (!hidden) this.#drawTotals(poll, results);
    if (drawable) this.chart.show(this.#chartData(poll, points));
    if (drawable) this.#drawPoints(poll);
    else byId('points').replaceChildren();
  }

  /** @param {import('../../client/types.js').Poll} poll @param {string} phase */
  #hiddenResultsKey(poll, phase) {
    if (poll.results === 'operators') return this.translator.t('hiddenUntilPublished');
    return this.translator.t(poll.results === 'after_vote' && phase === 'open' ? 'hiddenUntilVote' : 'hiddenUntilClose');
  }

  /** Return the points from the first vote on, extended to now or to the end of voting. @param {import('../../client/types.js').Results} results */
  #extendedPoints({ phase, closes_at: closesAt }) {
    const points = this.points.filter(({ voters }) => voters > 0);
    const last = points.at(-1);
    if (!last) return points;
    const now = this.clock.now();
    const end = phase === 'open' ? now : closesAt ? Math.min(now, Date.parse(closesAt)) : 0;
    return end > last.at ? [...points, { ...last, at: end }] : points;
  }

  /**
   * @param {import('../../client/types.js').Poll} poll
   * @param {import('./series.js').Point[]} points
   * @returns {import('./chart.js').ChartData}
   */
  #chartData(poll, points) {
    const { translator } = this;
    const lines = chartLines(poll, points, translator.t('average'), this.#ranking(poll));
    const times = points.map(({ at }) => at);
    const omitted = (poll.options?.length ?? 0) - MAX_LINES;
    const more = omitted > 0 ? translator.t('moreAnswers', { n: omitted }) : null;
    if (isRating(poll)) {
      const { min, max } = poll.scale ?? { min: 0, max: 10 };
      const gridValues = Array.from({ length: max - min + 1 }, (_, step) => min + step);
      const format = (/** @type {number} */ value) => translator.number(value, { maximumFractionDigits: 2 });
      return { lines, times, low: min, high: max, gridValues, format, latest: lines.map(({ values }) => format(values[values.length - 1])), label: translator.t('meanChart'), more: null };
    }
    const high = axisMaximum(lines);
    const gridValues = [0, 0.25, 0.5, 0.75, 1].map((part) => part * high);
    const format = (/** @type {number} */ value) => translator.number(value, { style: 'percent', maximumFractionDigits: 0 });
    const shares = this.#shareTexts(poll, points[points.length - 1]);
    return { lines, times, low: 0, high, gridValues, format, latest: lines.map(({ id }) => shares.get(id) ?? ''), label: translator.t('chart'), more };
  }

  /** @param {import('../../client/types.js').Poll} poll @param {import('../../client/types.js').Results} results */
  #drawTotals(poll, results) {
    const { translator } = this;
    const counts = results.counts ?? {};
    const ids = isRating(poll) ? Object.keys(counts) : (poll.options ?? []).map(({ id }) => id);
    const labels = new Map((poll.options ?? []).map(({ id, label }) => [id, label]));
    const { shares, digits } = sharesOf(results, ids);
    if (results.forecast) return this.#drawForecast(results, labels, shares);
    const rows = ids.map((id, index) => [labels.get(id) ?? id, translator.number(counts[id] ?? 0), translator.percent(shares[index], digits)]);
    if (isRating(poll)) rows.push([translator.t('average'), translator.number(meanRating(counts), { maximumFractionDigits: 2 }), '']);
    updateTable(byId('totals'), translator.t('totals'), [translator.t('answer'), translator.t('votes'), translator.t('share')], rows);
  }

  /** Show the rounded mean and the quartiles of each outcome. @param {import('../../client/types.js').Results} results @param {Map<string, string>} labels by outcome @param {number[]} means */
  #drawForecast({ spread }, labels, means) {
    const { translator } = this;
    const percent = (/** @type {number | undefined} */ value) => (value === undefined ? '–' : translator.percent(roundProportion(value), 1));
    const rows = [...labels].map(([id, label], index) => {
      const { low, median, high } = spread?.[id] ?? {};
      return [label, translator.percent(means[index], 1), percent(median), `${percent(low)}–${percent(high)}`];
    });
    const headers = [translator.t('answer'), translator.t('average'), translator.t('median'), translator.t('middleHalf')];
    updateTable(byId('totals'), translator.t('totals'), headers, rows);
  }

  /** @param {import('../../client/types.js').Poll} poll */
  #drawPoints(poll) {
    const { translator } = this;
    const lines = chartLines(poll, this.points, translator.t('average'), this.#ranking(poll));
    const step = Math.max(1, Math.ceil(this.points.length / MAX_ROWS));
    const indexes = this.points.map((_, index) => index).filter((index) => (this.points.length - 1 - index) % step === 0);
    const rows = indexes.map((index) => {
      const point = this.points[index];
      const shares = this.#shareTexts(poll, point);
      return [
        new Date(point.at).toLocaleString(translator.locale, { dateStyle: 'medium', timeStyle: 'medium' }),
        translator.number(point.voters),
        ...lines.map(({ id, values }) => (isRating(poll) ? translator.decimal(values[index]) : shares.get(id) ?? '')),
      ];
    });
    const headers = [translator.t('time'), translator.t('voters'), ...lines.map(({ label }) => label)];
    updateTable(byId('points'), translator.t('chart'), headers, rows);
  }

  #toggle() {
    const isHidden = byId('points').classList.toggle('visually-hidden');
    byId('points').tabIndex = isHidden ? -1 : 0;
    byId('show-points').setAttribute('aria-expanded', String(!isHidden));
    setText(byId('show-points'), this.translator.t(isHidden ? 'showTable' : 'hideTable'));
  }
}

/**
 * Update a table in place if its shape is the same, so that screen readers keep their position.
 * @param {HTMLElement} container
 * @param {string} caption
 * @param {string[]} headers
 * @param {string[][]} rows
 */
function updateTable(container, caption, headers, rows) {
  const cells = [caption, ...headers, ...rows.flat()];
  const shape = `${headers.length}x${rows.length}`;
  if (container.dataset.shape === shape && container.firstChild) {
    const present = container.querySelectorAll('caption, th, td');
    return cells.forEach((text, at) => present[at].textContent !== text && setText(present[at].querySelector('bdi') ?? present[at], text));
  }
  container.dataset.shape = shape;
  container.replaceChildren(createTable(caption, headers, rows));
}
