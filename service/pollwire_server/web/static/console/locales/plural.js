/**
 * The form of a counted noun, by the rules of its language (CLDR plural rules, as the browser has them).
 */

/**
 * @param {string} language
 * @returns {(count: number, forms: Partial<Record<Intl.LDMLPluralRule, string>> & {other: string}) => string}
 *   the form with the number where it says `#`
 */
export function pluralOf(language) {
  const rules = new Intl.PluralRules(language);
  const digits = new Intl.NumberFormat(language);
  return (count, forms) => (forms[rules.select(count)] ?? forms.other).replace('#', digits.format(count));
}
