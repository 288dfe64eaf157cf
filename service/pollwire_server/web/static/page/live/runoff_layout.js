/**
 * Layout of the runoff diagram: a column for each round, a block for each remaining option with a height by its
 * votes, and bands between blocks for votes that stay or are transferred. Pure.
 */

/**
 * @typedef {{counts: Record<string, number>, exhausted: number, eliminated?: string, transfers?: Record<string, number>}} Round
 * @typedef {{id: string, round: number, votes: number, top: number, height: number, out: boolean}} Block
 * @typedef {{id: string, from: number, votes: number, start: number, end: number, height: number, moved: boolean}} Band
 *   id: the answer whose votes they were; from: the round that they leave; start, end: upper edges
 */

/** Id of the block of exhausted votes, which have no remaining option. */
export const EXHAUSTED = '';

/**
 * @param {Round[]} rounds
 * @param {string[]} order of the answers, as the poll has them
 * @param {{height: number, gap: number}} room
 * @returns {{blocks: Block[], bands: Band[], height: number}}
 */
export function flowOf(rounds, order, { height, gap }) {
  const voters = Object.values(rounds[0].counts).reduce((sum, votes) => sum + votes, rounds[0].exhausted);
  const ranked = [...order].sort((a, b) => (rounds[0].counts[b] ?? 0) - (rounds[0].counts[a] ?? 0));
  const scale = height / Math.max(1, voters);
  const blocks = rounds.flatMap((round, place) => column(round, place, ranked, scale, gap));
  const whole = Math.max(...blocks.map((block) => block.top + block.height));
  const find = (/** @type {number} */ place, /** @type {string} */ id) => blocks.find((block) => block.round === place && block.id === id);
  const bands = rounds.slice(0, -1).flatMap((round, place) => leaving(round, place, ranked, scale, find));
  return { blocks, bands, height: whole };
}

/** @param {Round} round @param {number} place @param {string[]} ranked @param {number} scale @param {number} gap @returns {Block[]} */
function column(round, place, ranked, scale, gap) {
  let top = 0;
  const standing = ranked.filter((id) => id in round.counts).map((id) => ({ id, votes: round.counts[id] }));
  if (round.exhausted) standing.push({ id: EXHAUSTED, votes: round.exhausted });
  return standing.map(({ id, votes }) => {
    const block = { id, round: place, votes, top, height: Math.max(votes * scale, 1), out: round.eliminated === id };
    top += block.height + gap;
    return block;
  });
}

/**
 * @param {Round} round
 * @param {number} place
 * @param {string[]} ranked
 * @param {number} scale
 * @param {(place: number, id: string) => Block | undefined} find
 * @returns {Band[]}
 */
function leaving(round, place, ranked, scale, find) {
  /** @type {Map<string, number>} where the next band ends, in the blocks of the next round */
  const filled = new Map();
  /** @type {Band[]} */
  const bands = [];
  const join = (/** @type {string} */ id, /** @type {string} */ heir, /** @type {number} */ votes, /** @type {number} */ start) => {
    const to = find(place + 1, heir);
    if (!to || votes <= 0) return;
    const end = to.top + (filled.get(heir) ?? 0);
    filled.set(heir, (filled.get(heir) ?? 0) + votes * scale);
    bands.push({ id, from: place, votes, start, end, height: votes * scale, moved: id !== heir });
  };
  for (const id of [...ranked, EXHAUSTED]) {
    const from = find(place, id);
    if (from && !from.out) join(id, id, from.votes, from.top);
  }
  const loser = round.eliminated === undefined ? undefined : find(place, round.eliminated);
  if (loser) {
    let start = loser.top;
    let left = loser.votes;
    for (const heir of ranked) {
      const votes = round.transfers?.[heir] ?? 0;
      join(loser.id, heir, votes, start);
      start += votes * scale;
      left -= votes;
    }
    join(loser.id, EXHAUSTED, left, start);
  }
  return bands;
}
