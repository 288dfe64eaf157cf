/**
 * The console's language: one message file each under `words/`, numbers by `Intl`, the page's direction.
 *
 * `t` is what is spoken now; a module that imports it sees it change. The language is part of the address
 * (`?lang=fr`), so that a link can carry it and nothing need be stored.
 */
import { words as english } from './locales/en.js';

/** @typedef {typeof english} Words */

/** Each in its own language, as who looks for it would read it. */
export const LANGUAGES = { en: 'English', fr: 'Français', es: 'Español', ar: 'العربية' };
const RIGHT_TO_LEFT = ['ar'];

/** @type {Words} */
export let t = english;
let spoken = 'en';
/** The reader's own variant of it, by which numbers and dates are written. */
let variant = variantOf('en');

export function language() {
  return spoken;
}

export function locale() {
  return variant;
}

/** @param {string} lang */
function variantOf(lang) {
  return navigator.languages.find((wish) => wish.split('-')[0].toLowerCase() === lang) ?? lang;
}

/** The language that the address asks for, else the first of the browser's that there is. */
export function wishedLanguage() {
  const asked = new URLSearchParams(location.search).get('lang');
  const wishes = [asked ?? '', ...navigator.languages].map((wish) => wish.split('-')[0].toLowerCase());
  return wishes.find((wish) => wish in LANGUAGES) ?? 'en';
}

/** @param {string} wish one of `LANGUAGES` */
export async function speak(wish) {
  t = wish === 'en' ? english : (await import(`./locales/${wish}.js`)).words;
  spoken = wish;
  variant = variantOf(wish);
  document.documentElement.lang = wish;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(wish) ? 'rtl' : 'ltr';
}

/** @param {number} value */
export function number(value) {
  return new Intl.NumberFormat(variant).format(value);
}

/** @param {number} value @param {number} digits at most, after the point */
export function decimal(value, digits = 2) {
  return new Intl.NumberFormat(variant, { maximumFractionDigits: digits }).format(value);
}

/** @param {number} part @param {number} whole */
export function percent(part, whole) {
  const share = whole > 0 ? part / whole : 0;
  return new Intl.NumberFormat(variant, { style: 'percent', maximumFractionDigits: whole >= 1000 ? 1 : 0 }).format(share);
}

/** @param {number} bytes */
export function size(bytes) {
  const [unit, value] = bytes < 1e6 ? ['kilobyte', bytes / 1e3] : ['megabyte', bytes / 1e6];
  return new Intl.NumberFormat(variant, { style: 'unit', unit: String(unit), maximumFractionDigits: 1 }).format(Number(value));
}
