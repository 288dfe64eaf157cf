/**
 * Leaderboard of the poll's series. It is read again when the poll's phase or resolution changes.
 */
import { roundProportion } from '../../results/shares.js';
import { byId, createElement, createTable, fetchJson, setText } from './dom.js';

/** @typedef {import('../../widget/model.js').State} State */
/** @typedef {{rank: number | null, name: string | null, forecasts: number, brier: number | null, baseline: number | null, peer: number | null, accuracy: number | null}} Row */
/** @typedef {{title: string | null, rank_by: string, minimum: number, polls: {open: number, closed: number, resolved: number}, crowd: Row | null}} About */

const MAX_ROWS = 10;
const BRIER = { minimumFractionDigits: 3, maximumFractionDigits: 3 };
/** @type {Intl.NumberFormatOptions} */
const POINTS = { maximumFractionDigits: 1, signDisplay: 'exceptZero' };

/** The note about the order. @type {Record<string, 'rankedByAccuracy' | 'rankedByPeer' | 'rankedByPeerAverage' | 'rankedByBaseline' | 'rankedByBrier'>} */
const NOTES = {
  accuracy: 'rankedByAccuracy',
  peer: 'rankedByPeer',
  peer_average: 'rankedByPeerAverage',
  baseline: 'rankedByBaseline',
  brier: 'rankedByBrier',
};

/** The score that orders the rows. @type {Record<string, 'peer' | 'baseline' | 'brier'>} */
const SCORES = { peer: 'peer', peer_average: 'peer', baseline: 'baseline', brier: 'brier' };

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
    this.#show(document.items, document.about);
  }

  /** @param {Row[]} rows @param {About} about */
  #show(rows, about) {
    const { translator } = this;
    const { open, closed, resolved } = about.polls;
    const notes = [translator.t(NOTES[about.rank_by] ?? NOTES.accuracy), translator.t('afterPolls', { n: resolved, all: open + closed + resolved })];
    if (about.minimum > 1) notes.push(translator.t('minimumForecasts', { n: about.minimum }));
    setText(byId('leaderboard-note'), notes.join(' '));
    if (about.title) setText(byId('leaderboard-title'), about.title);
    const shown = about.crowd ? [...rows, { ...about.crowd, name: translator.t('crowd') }] : rows;
    byId('leaderboard-body').replaceChildren(rows.length ? this.#table(shown, about) : createElement('p', 'hint', [translator.t('noScores')]));
  }

  /** @param {Row[]} rows @param {About} about */
  #table(rows, { rank_by: rankBy }) {
    const { translator } = this;
    const score = SCORES[rankBy] ?? (rows.some(({ brier }) => brier !== null) ? 'brier' : null); // null without probabilities
    const headers = [translator.t('rank'), translator.t('name'), translator.t('forecasts'), ...(score ? [translator.t(score)] : []), translator.t('accuracy')];
    const cells = rows.map((row) => [
      row.rank === null ? '–' : translator.number(row.rank),
      row.name || translator.t('anonymous'),
      translator.number(row.forecasts),
      ...(score ? [this.#score(row, score)] : []),
      row.accuracy === null ? '–' : translator.percent(roundProportion(row.accuracy, 0), 0),
    ]);
    return createTable(byId('leaderboard-title').textContent ?? '', headers, cells);
  }

  /** @param {Row} row @param {'peer' | 'baseline' | 'brier'} name */
  #score(row, name) {
    const value = row[name];
    if (value === null) return '–';
    return name === 'brier' ? this.translator.number(value, BRIER) : this.translator.number(value, POINTS);
  }
}
