/**
 * Dialog for an edit conflict: the current version beside the operator's changes, with a choice per field.
 *
 * Fields that only one side changed need no choice. Nothing is saved here: the result is a draft based on the
 * current version.
 */
import { differing, draftFromPoll, fieldsOf, withFields } from '../draft.js';
import { button, el, freshId, own } from '../dom.js';
import { number, t } from '../i18n.js';
import { formatValue } from './audit.js';

/** @typedef {import('../draft.js').Draft} Draft */
/** @typedef {import('../types.js').Poll} Poll */

/**
 * @param {{base: Poll, theirs: Poll, draft: Draft, began: Draft}} met
 * @returns {Promise<Draft | null>} the draft to save on top of theirs; null to continue editing
 */
export function resolveConflict({ base, theirs, draft, began }) {
  const current = draftFromPoll(theirs, draft.timezone);
  const before = draftFromPoll(base, draft.timezone);
  const mine = differing(began, draft);
  const moved = differing(before, current);
  const both = mine.filter((name) => moved.includes(name));
  /** @type {Set<string>} */
  const discarded = new Set();
  return asked(
    [
      el('p', {}, t.form.conflictLead(number(base.version), number(theirs.version))),
      both.length === 0 && el('p', {}, t.form.conflictNone),
      comparison({ before, current, draft }, moved, both, discarded),
    ],
    () => withFields(current, draft, mine.filter((name) => !discarded.has(name))),
    () => current,
  );
}

/** @param {{before: Draft, current: Draft, draft: Draft}} three @param {string[]} moved @param {string[]} both @param {Set<string>} discarded */
function comparison({ before, current, draft }, moved, both, discarded) {
  const [was, theirs, yours] = [fieldsOf(before), fieldsOf(current), fieldsOf(draft)];
  const head = el('tr', {}, ...[t.form.field, t.form.baseVersion, t.form.currentVersion, t.form.yourVersion].map((text) => el('th', { scope: 'col' }, text)));
  const rows = moved.map((name) => {
    const group = freshId('choice');
    const pick = (/** @type {boolean} */ isMine, /** @type {any} */ value) => {
      if (!both.includes(name)) return isMine ? '–' : own(formatValue(value));
      const control = el('input', { type: 'radio', name: group, checked: isMine });
      control.addEventListener('change', () => (isMine ? discarded.delete(name) : discarded.add(name)));
      return el('label', { class: 'radio' }, control, own(formatValue(value)));
    };
    return el('tr', { 'data-field': name }, el('th', { scope: 'row' }, nameOf(name)), el('td', {}, own(formatValue(was[name]))), el('td', {}, pick(false, theirs[name])), el('td', {}, pick(true, yours[name])));
  });
  return el('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t.form.conflict }, el('table', { class: 'data-table conflict' }, el('thead', {}, head), el('tbody', {}, ...rows)));
}

/** Return the form's label of a field. @param {string} name as the API names it */
function nameOf(name) {
  const called = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  return /** @type {Record<string, any>} */ ({ ...t.form, timezone: t.form.zone })[called] ?? name;
}

/** @param {import('../dom.js').Child[]} body @param {() => Draft} mine @param {() => Draft} theirs @returns {Promise<Draft | null>} */
function asked(body, mine, theirs) {
  return new Promise((resolve) => {
    /** @type {Draft | null} */
    let answer = null;
    const choose = (/** @type {() => Draft} */ made) => () => {
      answer = made();
      dialog.close();
    };
    const heading = el('h2', { id: freshId('dialog') }, t.form.conflict);
    const dialog = el('dialog', { 'aria-labelledby': heading.id, class: 'wide' }, heading, ...body,
      el('div', { class: 'buttons' }, button(t.form.keepEditing, () => dialog.close()), button(t.form.discardYours, choose(theirs)), button(t.form.saveSelected, choose(mine), { class: 'button primary' })));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
