/**
 * Leaderboard of the poll's series. It is read again when the poll's phase or resolution changes.
 */
import { byId, createElement, read, table } from './dom.js';

/** @typedef {import('../../widget/model.js').State} State */

const MOST_ROWS = 10;

export class Leaders {
  /** Series, phase and resolution at the last read. */
  read = '';

  /** @param {import('./i18n.js').PageTranslator} translator */
  constructor(translator) {
    this.translator = translator;
  }

  /** @param {State} state */
  update({ poll, results, trouble }) {
    const series = poll?.series;
    if (!series || trouble) return void (byId('leaders').hidden = true);
    const resolution = results?.resolution ?? poll.resolution;
    const moment = `${series} ${results?.phase ?? poll.phase} ${resolution?.at ?? ''}`;
    if (moment === this.read) return;
    this.read = moment;
    this.#load(series);
  }

  /** @param {string} series */
  async #load(series) {
    const { status, document } = await read(`series/${encodeURIComponent(series)}/leaderboard?limit=${MOST_ROWS}`);
    byId('leaders').hidden = status !== 200;
    if (status !== 200) return;
    const rows = (document.items ?? document.rows ?? []).slice(0, MOST_ROWS);
    byId('leaders-body').replaceChildren(rows.length ? this.#table(rows) : createElement('p', 'why', [this.translator.t('noScores')]));
  }

  /** @param {{rank: number, name: string | null, forecasts: number, brier: number | null, accuracy: number | null}[]} rows */
  #table(rows) {
    const { translator } = this;
    const scored = rows.some(({ brier }) => typeof brier === 'number'); // forecasts are probabilities
    const heads = [translator.t('rank'), translator.t('name'), translator.t('forecasts'), ...(scored ? [translator.t('brier')] : []), translator.t('accuracy')];
    const cells = rows.map(({ rank, name, forecasts, brier, accuracy }) => [
      translator.number(rank),
      name || translator.t('anonymous'),
      translator.number(forecasts),
      ...(scored ? [typeof brier === 'number' ? translator.number(brier, { minimumFractionDigits: 3, maximumFractionDigits: 3 }) : '–'] : []),
      typeof accuracy === 'number' ? translator.number(accuracy, { style: 'percent' }) : '–',
    ]);
    return table(byId('leaders-title').textContent ?? '', heads, cells);
  }
}
