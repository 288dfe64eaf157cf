/**
 * Bar chart of the results with numbers. Rows are created once and updated.
 */
import { leadingIds } from '../../results/leading.js';
import { sharesOf } from '../../results/shares.js';
import { el, isolated, setText } from '../dom.js';
import { decimal, number, percent, t } from '../i18n.js';

/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {import('../types.js').Results} Results */

/** Return the rows of the chart: options, or the values of a scale. @param {Poll} poll @returns {{id: string, label: string, capacity?: number | null}[]} */
export function rowsOf(poll) {
  if (!poll.scale) return poll.options;
  const { min, max } = poll.scale;
  return Array.from({ length: max - min + 1 }, (_, step) => ({ id: String(min + step), label: String(min + step) }));
}

/** Return the rounded share of each row as text. @param {Poll} poll @param {Results | undefined} results @returns {Map<string, string>} */
function shareTexts(poll, results) {
  const ids = rowsOf(poll).map(({ id }) => id);
  const { shares, digits } = sharesOf(results, ids);
  return new Map(shares.map((share, index) => [ids[index], percent(share, digits)]));
}

export class Bars {
  /** @type {Map<string, {row: HTMLElement, bar: HTMLElement, votes: HTMLElement, share: HTMLElement, tag: HTMLElement}>} */
  #rows = new Map();
  element = el('ul', { class: 'bars' });

  /** @param {Poll} poll @param {Results | undefined} results */
  update(poll, results) {
    const rows = rowsOf(poll);
    for (const id of this.#rows.keys()) if (!rows.some((row) => row.id === id)) this.#remove(id);
    const leading = leadingIds(poll.kind, results);
    const shares = shareTexts(poll, results);
    rows.forEach((row, index) => {
      const line = this.#rows.get(row.id) ?? this.#make(row.id);
      if (this.element.children[index] !== line.row) this.element.insertBefore(line.row, this.element.children[index] ?? null);
      this.#show(line, row, poll, results);
      setText(line.share, shares.get(row.id) ?? '');
      line.row.classList.toggle('leads', leading.includes(row.id));
    });
  }

  /** @param {any} line @param {{id: string, label: string, capacity?: number | null}} row @param {Poll} poll @param {Results | undefined} results */
  #show(line, row, poll, results) {
    const votes = results?.counts?.[row.id] ?? 0;
    setText(line.label, row.label);
    line.label.lang = poll.lang ?? '';
    line.bar.style.inlineSize = `${100 * partOf(results, row.id)}%`;
    setText(line.votes, row.capacity ? `${number(votes)} ${t.poll.of(number(row.capacity))}` : number(votes));
    const outcome = poll.resolution?.outcome === row.id ? t.poll.correctOutcome : '';
    const full = row.capacity && votes >= row.capacity ? t.poll.full : '';
    setText(line.tag, outcome || full);
  }

  /** @param {string} id */
  #make(id) {
    const [label, tag, votes, share] = [el('bdi', { class: 'label' }), el('span', { class: 'tag' }), el('span', { class: 'votes' }), el('span', { class: 'share' })];
    const bar = el('span', { class: 'fill' });
    const row = el('li', { 'data-option': id }, el('span', { class: 'name' }, label, tag), votes, share, el('span', { class: 'track', 'aria-hidden': 'true' }, bar));
    const line = { row, bar, votes, share, tag, label };
    this.#rows.set(id, line);
    return line;
  }

  /** @param {string} id */
  #remove(id) {
    this.#rows.get(id)?.row.remove();
    this.#rows.delete(id);
  }
}

/** Return the exact share of an option, from 0 to 1. @param {Results | undefined} results @param {string} id */
function partOf(results, id) {
  const { forecast, counts, voters } = results ?? {};
  return forecast?.[id] ?? (voters ? Math.min(1, (counts?.[id] ?? 0) / voters) : 0);
}

/** Return all shares as one stacked bar, for lists. @param {Poll} poll @param {Results | undefined} results */
export function strip(poll, results) {
  const parts = rowsOf(poll).filter(({ id }) => partOf(results, id)).map(({ id, label }, index) => {
    const part = el('span', { class: `shade-${index % 6}`, title: label });
    part.style.flexGrow = String(partOf(results, id));
    return part;
  });
  return el('span', { class: 'strip', 'aria-hidden': 'true' }, ...parts);
}

/**
 * Return the leading option with its share, the mean of a rating, or that there is a tie or no vote.
 *
 * The first preferences of a ranked poll do not decide it, so their share is not shown.
 * @param {Poll} poll @param {Results | undefined} results
 */
export function leaderText(poll, results) {
  if (!results?.voters) return el('span', { class: 'quiet' }, t.list.noVotes);
  if (typeof results.mean === 'number') return el('span', {}, t.poll.average, ' ', el('b', {}, decimal(results.mean)));
  const leading = leadingIds(poll.kind, results);
  const [leader] = rowsOf(poll).filter(({ id }) => leading.includes(id));
  if (leading.length > 1) return el('span', { class: 'quiet' }, t.list.tied);
  if (!leader) return el('span', { class: 'quiet' }, '–');
  return el('span', {}, isolated(leader.label, poll.lang), ' ', poll.kind !== 'ranked' && el('b', {}, shareTexts(poll, results).get(leader.id)));
}
