/**
 * What the widget says in sentences. Pure: from what is known to a text, or to null where nothing is to be said.
 */
import { isolated } from './dom.js';
import { boundsOf, canAsk, idsOf, isAsking, isRanked, phaseOf, resolutionOf, rowsOf, takesSeveral } from './model.js';

/** @typedef {import('./model.js').State} State */
/** @typedef {import('../i18n/i18n.js').Words<typeof import('../i18n/widget/en.js').default>} WidgetWords */
/** @typedef {keyof typeof import('../i18n/widget/en.js').default} Key */

/** What a refused vote is told, by the problem's slug. @type {Record<string, Key>} */
const REFUSALS = {
  'already-voted': 'alreadyVoted',
  'stale-revision': 'movedOn',
  'poll-closed': 'tooLate',
  'poll-not-open': 'tooEarly',
  'option-full': 'optionFull',
  'voter-token-required': 'signIn',
  'voter-token-invalid': 'signIn',
};
const PHASES = ['scheduled', 'open', 'closed', 'resolved', 'canceled', 'archived'];
/** More of them are not read out. */
const READ_OUT = 5;

/** @param {string} phase @returns {Key} */
export function phaseKey(phase) {
  return PHASES.includes(phase) ? /** @type {Key} */ (phase) : 'otherPhase';
}

/** @param {WidgetWords} words @param {import('../client/client.js').PollwireError} error */
export function refusalText(words, error) {
  const key = REFUSALS[error.slug];
  return key ? words.say(key) : error.passes ? words.say('gaveUp') : error.message;
}

/** How to answer. @param {WidgetWords} words @param {State} state */
export function hintText(words, state) {
  const { poll } = state;
  if (!poll || phaseOf(state) !== 'open') return null;
  if (!canAsk(poll)) return words.say('notAsked');
  if (!isAsking(state)) return null;
  if (isRanked(poll)) return words.say('rankThem');
  return takesSeveral(poll) ? severalText(words, poll) : null;
}

/** What is wrong with a choice of so few or so many. @param {WidgetWords} words @param {import('./model.js').Poll} poll */
export function misfitText(words, poll) {
  if (isRanked(poll)) return words.say('chooseRanking');
  return takesSeveral(poll) ? severalText(words, poll) : words.say('chooseOne');
}

/** @param {WidgetWords} words @param {import('./model.js').Poll} poll */
function severalText(words, poll) {
  const { min, max: n } = boundsOf(poll);
  return words.say(min === n ? 'chooseExactly' : min <= 1 ? 'chooseUpTo' : 'chooseBetween', { min, n });
}

/** What is to be said while nothing has just happened. @param {WidgetWords} words @param {State} state */
export function standingText(words, state) {
  const { poll, results } = state;
  if (!poll) return null;
  const phase = phaseOf(state);
  const resolution = resolutionOf(state);
  if (phase === 'scheduled') return words.say('opensAt', { time: words.moment(poll.opens_at) });
  if (resolution) return outcomeText(words, state, resolution);
  if (phase === 'canceled') return words.say('isCanceled');
  if (results?.hidden) return words.say(whenShown(poll, phase));
  if (phase === 'archived') return words.say('isArchived');
  if (phase !== 'closed') return null;
  const closesAt = results?.closes_at ?? poll.closes_at;
  return closesAt ? words.say('closedAt', { time: words.moment(closesAt) }) : words.say('closedForGood');
}

/** @param {WidgetWords} words @param {State} state @param {import('../client/types.js').Resolution} resolution */
function outcomeText(words, state, { outcome, at, note }) {
  const why = note && isolated(note);
  if (outcome === null) return [words.say('annulled'), why].filter(Boolean).join(' ');
  const verdict = verdictOf(state);
  const key = verdict === 'right' ? 'wasRight' : verdict === 'wrong' ? 'wasWrong' : 'cameOut';
  const sentence = words.say(key, { outcome: isolated(labelsOf(state, outcome)) });
  return [sentence, words.say('onDay', { day: words.day(at) }), why].filter(Boolean).join(' ');
}

/** Whether the reader's pick came true; null for who made none. @param {State} state @returns {'right' | 'wrong' | null} */
export function verdictOf(state) {
  const outcome = resolutionOf(state)?.outcome;
  const chosen = idsOf(state.mine?.choice);
  if (!outcome || !state.mine || (!chosen.length && state.mine.correct === undefined)) return null;
  return state.mine.correct ?? chosen.includes(outcome) ? 'right' : 'wrong';
}

/** A choice in the words of the poll. @param {State} state @param {import('../client/types.js').Choice} choice */
export function labelsOf(state, choice) {
  const labels = new Map(rowsOf(state).map(({ id, label }) => [id, label]));
  return idsOf(choice).map((id) => labels.get(id) ?? id).join(', ');
}

/** @param {import('./model.js').Poll} poll @param {string} phase @returns {Key} */
function whenShown(poll, phase) {
  if (poll.results === 'after_vote' && phase === 'open') return 'hiddenUntilVote';
  return poll.results === 'operators' ? 'hiddenUntilPublished' : 'hiddenUntilClose';
}

/** How the totals stand, to be read out. @param {WidgetWords} words @param {State} state */
export function totalsText(words, state) {
  const voters = state.results?.voters ?? 0;
  const rows = rowsOf(state).filter((row) => row.votes !== null).slice(0, READ_OUT);
  return [words.say('voters', { n: voters }), ...rows.map((row) => `${row.label}: ${words.share(row.votes ?? 0, voters)}`)].join('. ');
}
