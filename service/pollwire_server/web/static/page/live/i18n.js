/** Texts of the live page, in the language of the page. */
import english from '../../i18n/page/en.js';
import { elementLanguage, loadTranslator } from '../../i18n/i18n.js';

/** @typedef {import('../../i18n/i18n.js').Translator<typeof english>} PageTranslator */

/** @returns {Promise<PageTranslator>} */
export function loadPageTranslator() {
  return loadTranslator(elementLanguage(document.documentElement), english, (lang) => import(`../../i18n/page/${lang}.js`));
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

/** @param {PageTranslator} translator @param {string} phase */
export function phaseName(translator, phase) {
  return translator.t(PHASES[phase] ?? 'phaseOther');
}
