/**
 * Texts, numbers and dates in the reader's language. Texts come from message files, the rest from `Intl`.
 *
 * A message file holds one language of the widget or of the live page (`i18n/<widget or page>/<lang>.js`).
 * A message is a string with `{names}`, or one string for each plural category of `Intl.PluralRules`; `n`
 * selects the category. English is part of the bundle, so a text is always available. Other languages load
 * when the reader needs them. `LANGUAGES` lists those that have both files.
 */

/** @typedef {string | {other: string} & Partial<Record<Intl.LDMLPluralRule, string>>} Message */
/** @typedef {Record<string, Message>} Messages */

export const LANGUAGES = ['en', 'fr', 'es', 'ar'];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Return the language tag for an element: the nearest `lang` attribute, else the browser's first language. @param {Element} element */
export function elementLanguage(element) {
  /** @type {HTMLElement | null} */
  const named = element.closest('[lang]:not([lang=""])');
  return named?.lang || navigator.languages?.[0] || 'en';
}

/** Return the supported language for a tag: `fr-CA` is `fr`, an unsupported one `en`. @param {string} tag */
export function supportedLanguage(tag) {
  const primary = tag.toLowerCase().split(/[-_]/)[0];
  return LANGUAGES.includes(primary) ? primary : 'en';
}

/**
 * Return the tag if `Intl` accepts it, else the language. Pages and browsers have tags such as `en_US` and
 * `en-US@posix`, which make `Intl` throw.
 * @param {string} tag
 * @param {string} lang
 */
export function usableLocale(tag, lang) {
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag)[0] ?? lang;
  } catch {
    return lang;
  }
}

/**
 * Load the messages of a language. If that fails, use English.
 * @template {Messages} M
 * @param {string} tag
 * @param {M} english
 * @param {(lang: string) => Promise<{default: M}>} load loads the message file of another language
 * @returns {Promise<Translator<M>>}
 */
export async function loadTranslator(tag, english, load) {
  const lang = supportedLanguage(tag);
  if (lang === 'en') return new Translator(tag.startsWith('en') ? tag : 'en', english);
  try {
    return new Translator(tag, (await load(lang)).default);
  } catch {
    return new Translator('en', english);
  }
}

/** @template {Messages} M */
export class Translator {
  /** @param {string} locale a language tag @param {M} messages in that language */
  constructor(locale, messages) {
    this.lang = supportedLanguage(locale);
    this.locale = usableLocale(locale, this.lang);
    this.direction = this.lang === 'ar' ? 'rtl' : 'ltr';
    this.messages = messages;
    this.plural = new Intl.PluralRules(this.locale);
    /** @type {Map<string, Intl.NumberFormat>} */
    this.formats = new Map();
  }

  /**
   * Add the English messages of a module that is loaded on demand. Other languages have them already.
   * @template {Messages} N
   * @param {N} messages
   * @returns {Translator<M & N>}
   */
  extend(messages) {
    this.messages = { ...messages, ...this.messages };
    return /** @type {any} */ (this);
  }

  /**
   * Translate a message, with localized numbers.
   * @param {keyof M & string} key
   * @param {Record<string, string | number>} [values] `n` selects the plural category
   */
  t(key, values = {}) {
    /** @type {Message} */
    const message = this.messages[key];
    const text = typeof message === 'string' ? message : message[this.plural.select(Number(values.n))] ?? message.other;
    return text.replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      return typeof value === 'number' ? this.number(value) : value;
    });
  }

  /** @param {number} number @param {Intl.NumberFormatOptions} [options] */
  number(number, options = {}) {
    const key = JSON.stringify(options);
    const format = this.formats.get(key) ?? new Intl.NumberFormat(this.locale, options);
    this.formats.set(key, format);
    return format.format(number);
  }

  /** Format with one or two decimal places. @param {number} number */
  decimal(number) {
    return this.number(number, { minimumFractionDigits: 1, maximumFractionDigits: 2 });
  }

  /** Format a share of `results/shares.js`. @param {number} share from 0 to 1 @param {number} digits decimals in percent */
  percent(share, digits) {
    return this.number(share, { style: 'percent', minimumFractionDigits: digits });
  }

  /** Format a remaining time: in days if it is long, to the second below one hour. @param {number} leftMs */
  timeLeft(leftMs) {
    const left = Math.max(0, leftMs);
    if (left >= 2 * DAY_MS) return this.#unit(left / DAY_MS, 'day', 'long');
    if (left >= HOUR_MS) return `${this.#unit(left / HOUR_MS, 'hour')} ${this.#unit((left % HOUR_MS) / MINUTE_MS, 'minute')}`;
    const seconds = Math.ceil(left / 1000);
    return `${this.number(Math.floor(seconds / 60))}:${this.number(seconds % 60, { minimumIntegerDigits: 2 })}`;
  }

  /** Format a date and time in the reader's time zone. @param {string | number} instant RFC 3339, or ms since the epoch */
  dateTime(instant) {
    return new Date(instant).toLocaleString(this.locale, { dateStyle: 'long', timeStyle: 'short' });
  }

  /** Format a date in the reader's time zone. @param {string | number} instant */
  date(instant) {
    return new Date(instant).toLocaleDateString(this.locale, { dateStyle: 'long' });
  }

  /** @param {number} amount @param {string} unit @param {'long' | 'short'} [unitDisplay] */
  #unit(amount, unit, unitDisplay = 'short') {
    return this.number(Math.floor(amount), { style: 'unit', unit, unitDisplay });
  }
}
