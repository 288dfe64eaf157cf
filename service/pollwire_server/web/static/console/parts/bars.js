/**
 * Bar chart of the results with numbers. Rows are created once and updated.
 */
import { el, isolated, setText } from '../dom.js';
import { number, percent, t } from '../i18n.js';

/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {import('../types.js').Results} Results */

/** Return the rows of the chart: options, or the values of a scale. @param {Poll} poll @returns {{id: string, label: string, capacity?: number | null}[]} */
export function rowsOf(poll) {
  if (!poll.scale) return poll.options;
  const { min, max } = poll.scale;
  return Array.from({ length: max - min + 1 }, (_, step) => ({ id: String(min + step), label: String(min + step) }));
}

/**
 * Return the ids of the leading options. Counts decide every kind but `ranked`, whose results name them.
 * @param {string | undefined} kind @param {{counts?: Record<string, number>, leading?: string[]} | null | undefined} results @returns {Set<string>}
 */
function leadingIds(kind, results) {
  const counts = results?.counts ?? {};
  const most = Math.max(1, ...Object.values(counts));
  return new Set(results?.leading ?? Object.keys(counts).filter((id) => kind !== 'ranked' && counts[id] === most));
}

/** Return the leading option, or null without votes or in a tie. @param {Poll} poll @param {Results | undefined} results */
export function leaderOf(poll, results) {
  const counts = results?.counts ?? {};
  const leading = leadingIds(poll.kind, results);
  const leaders = rowsOf(poll).filter(({ id }) => leading.has(id));
  return leaders.length === 1 ? { ...leaders[0], votes: counts[leaders[0].id] ?? 0 } : null;
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
    rows.forEach((row, index) => {
      const line = this.#rows.get(row.id) ?? this.#make(row.id);
      if (this.element.children[index] !== line.row) this.element.insertBefore(line.row, this.element.children[index] ?? null);
      this.#show(line, row, poll, results, leading);
    });
  }

  /** @param {any} line @param {{id: string, label: string, capacity?: number | null}} row @param {Poll} poll @param {Results | undefined} results @param {Set<string>} leading */
  #show(line, row, poll, results, leading) {
    const votes = results?.counts?.[row.id] ?? 0;
    const voters = results?.voters ?? 0;
    setText(line.label, row.label);
    line.label.lang = poll.lang ?? '';
    line.row.classList.toggle('leads', leading.has(row.id));
    line.bar.style.inlineSize = `${voters ? Math.min(100, (100 * votes) / voters) : 0}%`;
    setText(line.share, percent(votes, voters));
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

/** Return all shares as one stacked bar, for lists. @param {Poll} poll @param {Results | undefined} results */
export function strip(poll, results) {
  const counts = results?.counts ?? {};
  const total = Object.values(counts).reduce((sum, votes) => sum + votes, 0);
  const parts = rowsOf(poll).filter(({ id }) => counts[id]).map(({ id, label }, index) => {
    const part = el('span', { class: `shade-${index % 6}`, title: label });
    part.style.flexGrow = String(counts[id]);
    return part;
  });
  return el('span', { class: 'strip', 'aria-hidden': 'true' }, ...(total ? parts : []));
}

/** @param {Poll} poll @param {Results | undefined} results */
export function leaderText(poll, results) {
  const leader = leaderOf(poll, results);
  if (!leader) return el('span', { class: 'quiet' }, results?.voters ? t.list.tied : t.list.noVotes);
  return el('span', {}, isolated(leader.label, poll.lang), ' ', el('b', {}, percent(leader.votes, results?.voters ?? 0)));
}
