/**
 * Dialog for an edit conflict: the current version beside the operator's changes, with a choice per field.
 *
 * Fields that only one side changed need no choice. Nothing is saved here: the result is a draft based on the
 * current version.
 */
import { differing, draftFromPoll, fieldsOf, withFields } from '../draft.js';
import { button, el, uniqueId, isolated } from '../dom.js';
import { number, t } from '../i18n.js';
import { formatValue } from './audit.js';

/** @typedef {import('../draft.js').Draft} Draft */
/** @typedef {import('../types.js').Poll} Poll */

/**
 * @param {{base: Poll, theirs: Poll, draft: Draft, original: Draft}} versions
 * @returns {Promise<Draft | null>} the draft to save on top of theirs; null to continue editing
 */
export function resolveConflict({ base, theirs, draft, original }) {
  const current = draftFromPoll(theirs, draft.timezone);
  const before = draftFromPoll(base, draft.timezone);
  const mine = differing(original, draft);
  const changed = differing(before, current);
  const conflicting = mine.filter((name) => changed.includes(name));
  /** @type {Set<string>} */
  const discarded = new Set();
  return chooseDraft(
    [
      el('p', {}, t.form.conflictLead(number(base.version), number(theirs.version))),
      conflicting.length === 0 && el('p', {}, t.form.conflictNone),
      comparison({ before, current, draft }, changed, conflicting, discarded),
    ],
    () => withFields(current, draft, mine.filter((name) => !discarded.has(name))),
    () => current,
  );
}

/** @param {{before: Draft, current: Draft, draft: Draft}} versions @param {string[]} changed @param {string[]} conflicting @param {Set<string>} discarded */
function comparison({ before, current, draft }, changed, conflicting, discarded) {
  const [base, theirs, yours] = [fieldsOf(before), fieldsOf(current), fieldsOf(draft)];
  const head = el('tr', {}, ...[t.form.field, t.form.baseVersion, t.form.currentVersion, t.form.yourVersion].map((text) => el('th', { scope: 'col' }, text)));
  const rows = changed.map((name) => {
    const group = uniqueId('choice');
    const pick = (/** @type {boolean} */ isMine, /** @type {any} */ value) => {
      if (!conflicting.includes(name)) return isMine ? '–' : isolated(formatValue(value));
      const control = el('input', { type: 'radio', name: group, checked: isMine });
      control.addEventListener('change', () => (isMine ? discarded.delete(name) : discarded.add(name)));
      return el('label', { class: 'radio' }, control, isolated(formatValue(value)));
    };
    return el('tr', { 'data-field': name }, el('th', { scope: 'row' }, nameOf(name)), el('td', {}, isolated(formatValue(base[name]))), el('td', {}, pick(false, theirs[name])), el('td', {}, pick(true, yours[name])));
  });
  return el('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t.form.conflict }, el('table', { class: 'data-table conflict' }, el('thead', {}, head), el('tbody', {}, ...rows)));
}

/** Return the form's label of a field. @param {string} name as the API names it */
function nameOf(name) {
  const key = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return /** @type {Record<string, any>} */ ({ ...t.form, timezone: t.form.zone })[key] ?? name;
}

/** @param {import('../dom.js').Child[]} body @param {() => Draft} mine @param {() => Draft} theirs @returns {Promise<Draft | null>} */
function chooseDraft(body, mine, theirs) {
  return new Promise((resolve) => {
    /** @type {Draft | null} */
    let result = null;
    const choose = (/** @type {() => Draft} */ makeDraft) => () => {
      result = makeDraft();
      dialog.close();
    };
    const heading = el('h2', { id: uniqueId('dialog') }, t.form.conflict);
    const dialog = el('dialog', { 'aria-labelledby': heading.id, class: 'wide' }, heading, ...body,
      el('div', { class: 'buttons' }, button(t.form.keepEditing, () => dialog.close()), button(t.form.discardYours, choose(theirs)), button(t.form.saveSelected, choose(mine), { class: 'button primary' })));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
