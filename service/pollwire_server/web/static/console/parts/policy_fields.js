/**
 * Form fields of the voting rules, embedding and language.
 */
import { el } from '../dom.js';
import { t } from '../i18n.js';

/** @typedef {import('../draft.js').Draft} Draft */

/**
 * @param {Draft} draft @param {import('./fields.js').Fields} fields @param {() => void} changed
 * @param {string[] | null} issuers the sites that are registered; null where the key may not see them
 */
export function policyFields(draft, fields, changed, issuers) {
  const setField = (/** @type {keyof Draft} */ name) => (/** @type {any} */ value) => {
    /** @type {any} */ (draft)[name] = value;
    changed();
  };
  const pairs = (/** @type {Record<string, string>} */ names) => /** @type {[string, string][]} */ (Object.entries(names));
  const issuer = issuerField(draft, fields, setField('issuer'), issuers);
  const identity = fields.radios({ path: 'identity', label: t.form.identity }, draft.identity, pairs(t.identities), setField('identity'));
  const revote = fields.choice({ path: 'revote', label: t.form.revote }, draft.revote, pairs(t.revotes), setField('revote'));
  const tags = fields.tick({ path: 'network_tags', label: t.form.networkTags, hint: t.form.networkTagsHint }, draft.network_tags, setField('network_tags'));
  const results = fields.choice({ path: 'results', label: t.form.results }, draft.results, pairs(t.resultsModes), setField('results'));
  const element = el('fieldset', { class: 'group' }, el('legend', {}, t.form.votingRules), identity, issuer, el('div', { class: 'row' }, revote, results), tags);
  return { element, update: () => (issuer.hidden = draft.identity !== 'signed') };
}

/** @param {Draft} draft @param {import('./fields.js').Fields} fields @param {(value: string) => void} changed @param {string[] | null} issuers */
function issuerField(draft, fields, changed, issuers) {
  const about = { path: 'issuer', label: t.form.issuer, hint: t.form.issuerHint };
  if (issuers === null) return fields.text(about, draft.issuer, changed, { dir: 'ltr' });
  const names = [...new Set(['', ...issuers, draft.issuer])];
  return fields.choice(about, draft.issuer, names.map((name) => [name, name || '–']), changed);
}

/** @param {Draft} draft @param {import('./fields.js').Fields} fields @param {() => void} changed */
export function embeddingFields(draft, fields, changed) {
  const setField = (/** @type {keyof Draft} */ name) => (/** @type {any} */ value) => {
    /** @type {any} */ (draft)[name] = value;
    changed();
  };
  const origins = fields.longText({ path: 'origins', label: t.form.origins, hint: t.form.originsHint, optional: true }, draft.origins, setField('origins'), { dir: 'ltr', spellcheck: 'false' });
  const lang = fields.text({ path: 'lang', label: t.form.lang, hint: t.form.langHint, optional: true }, draft.lang, setField('lang'), { dir: 'ltr', maxlength: '35' });
  const shuffle = fields.tick({ path: 'shuffle', label: t.form.shuffle }, draft.shuffle, setField('shuffle'));
  return el('fieldset', { class: 'group' }, el('legend', {}, t.form.embeddingAndLanguage), origins, lang, shuffle);
}
