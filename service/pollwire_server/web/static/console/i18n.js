/**
 * Language of the console: messages from `locales/`, numbers by `Intl`, and the page's direction.
 *
 * `t` is a live binding to the current messages. The language is part of the URL (`?lang=fr`), so that links can
 * set it and nothing is stored.
 */
import { usableLocale } from '../i18n/i18n.js';
import { texts as english } from './locales/en.js';

/** @typedef {typeof english} Words */

/** Name of each language in that language. */
export const LANGUAGES = { en: 'English', fr: 'Français', es: 'Español', ar: 'العربية' };
const RIGHT_TO_LEFT = ['ar'];

/** @type {Words} */
export let t = english;
let currentLanguage = 'en';
/** Regional variant of the browser (such as en-GB), for numbers and dates. */
let variant = variantOf('en');

export function language() {
  return currentLanguage;
}

export function locale() {
  return variant;
}

/** @param {string} lang */
function variantOf(lang) {
  return usableLocale(navigator.languages.find((language) => language.split('-')[0].toLowerCase() === lang) ?? lang, lang);
}

/** Return the language of the URL, or the browser's first supported one. */
export function preferredLanguage() {
  const requested = new URLSearchParams(location.search).get('lang');
  const languages = [requested ?? '', ...navigator.languages].map((language) => language.split('-')[0].toLowerCase());
  return languages.find((language) => language in LANGUAGES) ?? 'en';
}

/** @param {string} language one of `LANGUAGES` */
export async function setLanguage(language) {
  t = language === 'en' ? english : (await import(`./locales/${language}.js`)).texts;
  currentLanguage = language;
  variant = variantOf(language);
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(language) ? 'rtl' : 'ltr';
}

/** @param {number} value */
export function number(value) {
  return new Intl.NumberFormat(variant).format(value);
}

/** @param {number} value @param {number} digits at most, after the point */
export function decimal(value, digits = 2) {
  return new Intl.NumberFormat(variant, { maximumFractionDigits: digits }).format(value);
}

/** Format a share of `results/shares.js`. @param {number} share from 0 to 1 @param {number} digits decimals in percent */
export function percent(share, digits) {
  return new Intl.NumberFormat(variant, { style: 'percent', minimumFractionDigits: digits }).format(share);
}

/** @param {number} bytes */
export function size(bytes) {
  const [unit, value] = bytes < 1e6 ? ['kilobyte', bytes / 1e3] : ['megabyte', bytes / 1e6];
  return new Intl.NumberFormat(variant, { style: 'unit', unit: String(unit), maximumFractionDigits: 1 }).format(Number(value));
}
