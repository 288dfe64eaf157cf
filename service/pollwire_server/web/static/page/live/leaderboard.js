/**
 * Leaderboard of the poll's series. It is read again when the poll's phase or resolution changes.
 */
import { byId, createElement, createTable, fetchJson } from './dom.js';

/** @typedef {import('../../widget/model.js').State} State */

const MAX_ROWS = 10;

export class Leaderboard {
  /** Series, phase and resolution at the last load. */
  loadedState = '';

  /** @param {import('./i18n.js').PageTranslator} translator */
  constructor(translator) {
    this.translator = translator;
  }

  /** @param {State} state */
  update({ poll, results, trouble }) {
    const series = poll?.series;
    if (!series || trouble) return void (byId('leaderboard').hidden = true);
    const resolution = results?.resolution ?? poll.resolution;
    const stateKey = `${series} ${results?.phase ?? poll.phase} ${resolution?.at ?? ''}`;
    if (stateKey === this.loadedState) return;
    this.loadedState = stateKey;
    this.#load(series);
  }

  /** @param {string} series */
  async #load(series) {
    const { status, document } = await fetchJson(`series/${encodeURIComponent(series)}/leaderboard?limit=${MAX_ROWS}`);
    byId('leaderboard').hidden = status !== 200;
    if (status !== 200) return;
    const rows = (document.items ?? document.rows ?? []).slice(0, MAX_ROWS);
    byId('leaderboard-body').replaceChildren(rows.length ? this.#table(rows) : createElement('p', 'hint', [this.translator.t('noScores')]));
  }

  /** @param {{rank: number, name: string | null, forecasts: number, brier: number | null, accuracy: number | null}[]} rows */
  #table(rows) {
    const { translator } = this;
    const hasBrier = rows.some(({ brier }) => typeof brier === 'number'); // forecasts are probabilities
    const headers = [translator.t('rank'), translator.t('name'), translator.t('forecasts'), ...(hasBrier ? [translator.t('brier')] : []), translator.t('accuracy')];
    const cells = rows.map(({ rank, name, forecasts, brier, accuracy }) => [
      translator.number(rank),
      name || translator.t('anonymous'),
      translator.number(forecasts),
      ...(hasBrier ? [typeof brier === 'number' ? translator.number(brier, { minimumFractionDigits: 3, maximumFractionDigits: 3 }) : '–'] : []),
      typeof accuracy === 'number' ? translator.number(accuracy, { style: 'percent' }) : '–',
    ]);
    return createTable(byId('leaderboard-title').textContent ?? '', headers, cells);
  }
}
