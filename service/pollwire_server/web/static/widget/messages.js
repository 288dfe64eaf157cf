/**
 * Sentences of the widget. Pure functions of the state; null means no text.
 */
import { bidiIsolate } from './dom.js';
import { buildRows, canVoteIn, choiceBounds, choiceIds, currentPhase, currentResolution, isBallotShown, isMultiple } from './model.js';

/** @typedef {import('./model.js').State} State */
/** @typedef {import('../i18n/i18n.js').Translator<typeof import('../i18n/widget/en.js').default>} WidgetTranslator */
/** @typedef {keyof typeof import('../i18n/widget/en.js').default} Key */

/** Message keys of rejected votes, by the problem's slug. @type {Record<string, Key>} */
const ERROR_KEYS = {
  'already-voted': 'alreadyVoted',
  'stale-revision': 'changedElsewhere',
  'poll-closed': 'voteTooLate',
  'poll-not-open': 'voteTooEarly',
  'option-full': 'optionFull',
  'voter-token-required': 'signIn',
  'voter-token-invalid': 'signIn',
};
const PHASES = ['scheduled', 'open', 'closed', 'resolved', 'canceled', 'archived'];
const MAX_ANNOUNCED_ROWS = 5;

/** @param {string} phase @returns {Key} */
export function phaseKey(phase) {
  return PHASES.includes(phase) ? /** @type {Key} */ (phase) : 'otherPhase';
}

/** @param {WidgetTranslator} translator @param {import('../client/client.js').PollwireError} error */
export function errorText(translator, error) {
  const key = ERROR_KEYS[error.slug];
  return key ? translator.t(key) : error.passes ? translator.t('voteFailed') : error.message;
}

/** Return the instructions for the ballot. A ranking has its own. @param {WidgetTranslator} translator @param {State} state */
export function hintText(translator, state) {
  const { poll } = state;
  if (!poll || currentPhase(state) !== 'open') return null;
  if (!canVoteIn(poll)) return translator.t('cannotVote');
  if (!isBallotShown(state)) return null;
  return isMultiple(poll) ? boundsText(translator, poll) : null;
}

/** Return the message for too few or too many selected options. A ranking has its own. @param {WidgetTranslator} translator @param {import('./model.js').Poll} poll */
export function choiceErrorText(translator, poll) {
  return isMultiple(poll) ? boundsText(translator, poll) : translator.t('chooseOne');
}

/** @param {WidgetTranslator} translator @param {import('./model.js').Poll} poll */
function boundsText(translator, poll) {
  const { min, max: n } = choiceBounds(poll);
  return translator.t(min === n ? 'chooseExactly' : min <= 1 ? 'chooseUpTo' : 'chooseBetween', { min, n });
}

/** Return the message that explains the poll's phase. @param {WidgetTranslator} translator @param {State} state */
export function phaseText(translator, state) {
  const { poll, results } = state;
  if (!poll) return null;
  const phase = currentPhase(state);
  const resolution = currentResolution(state);
  if (phase === 'scheduled') return translator.t('opensAt', { time: translator.dateTime(poll.opens_at) });
  if (resolution) return outcomeText(translator, state, resolution);
  if (phase === 'canceled') return translator.t('pollCanceled');
  if (results?.hidden) return translator.t(hiddenResultsKey(poll, phase));
  if (phase === 'archived') return translator.t('pollArchived');
  if (phase !== 'closed') return null;
  const closesAt = results?.closes_at ?? poll.closes_at;
  return closesAt ? translator.t('closedAt', { time: translator.dateTime(closesAt) }) : translator.t('votingEnded');
}

/** @param {WidgetTranslator} translator @param {State} state @param {import('../client/types.js').Resolution} resolution */
function outcomeText(translator, state, { outcome, at, note }) {
  const why = note && bidiIsolate(note);
  if (outcome === null) return [translator.t('voided'), why].filter(Boolean).join(' ');
  const result = predictionResult(state);
  const key = result === 'right' ? 'predictedRight' : result === 'wrong' ? 'predictedWrong' : 'outcomeIs';
  const sentence = translator.t(key, { outcome: bidiIsolate(choiceLabels(state, outcome)) });
  return [sentence, translator.t('resolvedOn', { day: translator.date(at) }), why].filter(Boolean).join(' ');
}

/** Return whether the voter's prediction was right; null without one. @param {State} state @returns {'right' | 'wrong' | null} */
export function predictionResult(state) {
  const outcome = currentResolution(state)?.outcome;
  const selected = choiceIds(state.mine?.choice);
  if (!outcome || !state.mine || (!selected.length && state.mine.correct === undefined)) return null;
  return state.mine.correct ?? selected.includes(outcome) ? 'right' : 'wrong';
}

/** Return the labels of a choice. @param {State} state @param {import('../client/types.js').Choice} choice */
export function choiceLabels(state, choice) {
  const labels = new Map(buildRows(state).map(({ id, label }) => [id, label]));
  return choiceIds(choice).map((id) => labels.get(id) ?? id).join(', ');
}

/** @param {import('./model.js').Poll} poll @param {string} phase @returns {Key} */
function hiddenResultsKey(poll, phase) {
  if (poll.results === 'after_vote' && phase === 'open') return 'hiddenUntilVote';
  return poll.results === 'operators' ? 'hiddenUntilPublished' : 'hiddenUntilClose';
}

/** Return the number of voters, and the mean of a rating. @param {WidgetTranslator} translator @param {import('./model.js').Poll} poll @param {State['results']} results */
export function voterTexts(translator, poll, results) {
  const voters = results?.phase === 'scheduled' ? undefined : results?.voters;
  const texts = voters === undefined ? [] : [translator.t('voters', { n: voters })];
  if (typeof results?.mean === 'number') texts.push(translator.t('mean', { mean: translator.decimal(results.mean), max: poll.scale?.max ?? 0 }));
  return texts;
}

/** Return the totals as a text for screen readers: the voters and the leading rows. @param {WidgetTranslator} translator @param {State} state */
export function totalsText(translator, state) {
  const { poll, results } = state;
  if (!poll) return '';
  const rows = buildRows(state).sort((one, other) => Number(other.isLeading) - Number(one.isLeading) || other.share - one.share);
  const shares = rows.slice(0, MAX_ANNOUNCED_ROWS).map((row) => `${row.label}: ${translator.percent(row.roundedShare, row.digits)}`);
  return [...voterTexts(translator, poll, results), ...shares].join('. ');
}
