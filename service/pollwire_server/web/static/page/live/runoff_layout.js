/**
 * Layout of the runoff diagram: a column for each round, a block for each remaining option with a height by its
 * votes, and bands between blocks for votes that stay or are transferred. Pure.
 */

/**
 * @typedef {{counts: Record<string, number>, exhausted: number, eliminated?: string, transfers?: Record<string, number>, tie_broken?: boolean, tied?: string[], tie_rule?: string}} Round
 * @typedef {{id: string, round: number, votes: number, top: number, height: number, isEliminated: boolean}} Block
 * @typedef {{id: string, from: number, votes: number, start: number, end: number, height: number, isTransfer: boolean}} Band
 *   id: the answer that had the votes; from: the round that they leave; start, end: upper edges
 */

/** Id of the block of exhausted votes, which have no remaining option. */
export const EXHAUSTED = '';

/**
 * @param {Round[]} rounds
 * @param {string[]} order of the answers, as the poll has them
 * @param {{height: number, gap: number}} size
 * @returns {{blocks: Block[], bands: Band[], height: number}}
 */
export function computeRunoffLayout(rounds, order, { height, gap }) {
  const voters = Object.values(rounds[0].counts).reduce((sum, votes) => sum + votes, rounds[0].exhausted);
  const ranked = [...order].sort((a, b) => (rounds[0].counts[b] ?? 0) - (rounds[0].counts[a] ?? 0));
  const scale = height / Math.max(1, voters);
  const blocks = rounds.flatMap((round, index) => columnBlocks(round, index, ranked, scale, gap));
  const totalHeight = Math.max(...blocks.map((block) => block.top + block.height));
  const find = (/** @type {number} */ index, /** @type {string} */ id) => blocks.find((block) => block.round === index && block.id === id);
  const bands = rounds.slice(0, -1).flatMap((round, index) => transferBands(round, index, ranked, scale, find));
  return { blocks, bands, height: totalHeight };
}

/** @param {Round} round @param {number} index @param {string[]} ranked @param {number} scale @param {number} gap @returns {Block[]} */
function columnBlocks(round, index, ranked, scale, gap) {
  let top = 0;
  const remaining = ranked.filter((id) => Object.hasOwn(round.counts, id)).map((id) => ({ id, votes: round.counts[id] }));
  if (round.exhausted) remaining.push({ id: EXHAUSTED, votes: round.exhausted });
  return remaining.map(({ id, votes }) => {
    const block = { id, round: index, votes, top, height: Math.max(votes * scale, 1), isEliminated: round.eliminated === id };
    top += block.height + gap;
    return block;
  });
}

/**
 * @param {Round} round
 * @param {number} index
 * @param {string[]} ranked
 * @param {number} scale
 * @param {(index: number, id: string) => Block | undefined} find
 * @returns {Band[]}
 */
function transferBands(round, index, ranked, scale, find) {
  /** @type {Map<string, number>} where the next band ends, in the blocks of the next round */
  const usedHeight = new Map();
  /** @type {Band[]} */
  const bands = [];
  const addBand = (/** @type {string} */ id, /** @type {string} */ target, /** @type {number} */ votes, /** @type {number} */ start) => {
    const to = find(index + 1, target);
    if (!to || votes <= 0) return;
    const end = to.top + (usedHeight.get(target) ?? 0);
    usedHeight.set(target, (usedHeight.get(target) ?? 0) + votes * scale);
    bands.push({ id, from: index, votes, start, end, height: votes * scale, isTransfer: id !== target });
  };
  for (const id of [...ranked, EXHAUSTED]) {
    const from = find(index, id);
    if (from && !from.isEliminated) addBand(id, id, from.votes, from.top);
  }
  const eliminated = round.eliminated === undefined ? undefined : find(index, round.eliminated);
  if (eliminated) {
    let start = eliminated.top;
    let unassigned = eliminated.votes;
    for (const target of ranked) {
      const votes = round.transfers?.[target] ?? 0;
      addBand(eliminated.id, target, votes, start);
      start += votes * scale;
      unassigned -= votes;
    }
    addBand(eliminated.id, EXHAUSTED, unassigned, start);
  }
  return bands;
}
