/** What the live page says, in the language that the page was sent in. */
import english from '../../i18n/page/en.js';
import { languageOf, wordsFor } from '../../i18n/i18n.js';

/** @typedef {import('../../i18n/i18n.js').Words<typeof english>} PageWords */

/** @returns {Promise<PageWords>} */
export function wordsOfPage() {
  return wordsFor(languageOf(document.documentElement), english, (lang) => import(`../../i18n/page/${lang}.js`));
}

/** @type {Record<string, keyof typeof english & string>} */
const PHASES = {
  scheduled: 'phaseScheduled',
  open: 'phaseOpen',
  closed: 'phaseClosed',
  resolved: 'phaseResolved',
  canceled: 'phaseCanceled',
  archived: 'phaseArchived',
};

/** @param {PageWords} words @param {string} phase */
export function phaseName(words, phase) {
  return words.say(PHASES[phase] ?? 'phaseOther');
}
