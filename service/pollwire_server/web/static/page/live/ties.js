/**
 * Sentences about ties of a ranked poll: which options were tied in a round, and the rule that decided.
 */
import { bidiIsolate } from '../../widget/dom.js';

/** @typedef {import('./i18n.js').PageTranslator} PageTranslator */
/** @typedef {import('./runoff_layout.js').Round} Round */

/**
 * Return a sentence for each tie, and the seed of the lots if a lot decided.
 * @param {PageTranslator} translator
 * @param {Round[]} rounds
 * @param {Map<string, string>} names labels by option id
 * @param {string | null | undefined} seed
 */
export function tieSentences(translator, rounds, names, seed) {
  const sentences = rounds.map((round, index) => tieSentence(translator, round, index + 1, names)).filter((text) => text !== null);
  const isByLot = rounds.some((round) => round.tie_rule === 'lot');
  return isByLot && seed ? [...sentences, translator.t('lotSeed', { seed })] : sentences;
}

/** @param {PageTranslator} translator @param {Round} round @param {number} n @param {Map<string, string>} names */
function tieSentence(translator, { tied, tie_rule: rule, eliminated }, n, names) {
  if (!tied) return null;
  const labels = tied.map((id) => names.get(id) ?? id);
  if (eliminated === undefined) return tiedText(translator, labels);
  const values = { n, labels: listOf(translator, labels), label: bidiIsolate(names.get(eliminated) ?? eliminated) };
  return translator.t(rule === 'lot' ? 'tieByLot' : 'tieByEarlierRound', values);
}

/** Return the sentence about a declared tie. @param {PageTranslator} translator @param {string[]} labels */
export function tiedText(translator, labels) {
  return translator.t('tied', { labels: listOf(translator, labels) });
}

/** Join labels in the language of the page: `A, B and C`. @param {PageTranslator} translator @param {string[]} labels */
function listOf(translator, labels) {
  return new Intl.ListFormat(translator.locale, { type: 'conjunction' }).format(labels.map(bidiIsolate));
}
