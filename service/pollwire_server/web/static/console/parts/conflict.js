/**
 * Two operators changed one poll: what stands now beside what was written here, and the choice which is to stand.
 *
 * Fields that only one of them changed need no choice; both sets stand. Nothing is saved and nothing lost here:
 * the answer is a draft on top of what stands, to be saved like any other.
 */
import { differing, draftOf, fieldsOf, withFields } from '../draft.js';
import { button, el, freshId, own } from '../dom.js';
import { number, t } from '../i18n.js';
import { written } from './audit.js';

/** @typedef {import('../draft.js').Draft} Draft */
/** @typedef {import('../types.js').Poll} Poll */

/**
 * @param {{base: Poll, theirs: Poll, draft: Draft, began: Draft}} met
 * @returns {Promise<Draft | null>} what is to be written on top of theirs; null to go on editing as before
 */
export function settle({ base, theirs, draft, began }) {
  const standing = draftOf(theirs, draft.timezone);
  const before = draftOf(base, draft.timezone);
  const mine = differing(began, draft);
  const moved = differing(before, standing);
  const both = mine.filter((name) => moved.includes(name));
  /** @type {Set<string>} */
  const dropped = new Set();
  return asked(
    [
      el('p', {}, t.form.conflictLead(number(base.version), number(theirs.version))),
      both.length === 0 && el('p', {}, t.form.conflictNone),
      comparison({ before, standing, draft }, moved, both, dropped),
    ],
    () => withFields(standing, draft, mine.filter((name) => !dropped.has(name))),
    () => standing,
  );
}

/** @param {{before: Draft, standing: Draft, draft: Draft}} three @param {string[]} moved @param {string[]} both @param {Set<string>} dropped */
function comparison({ before, standing, draft }, moved, both, dropped) {
  const [was, theirs, yours] = [fieldsOf(before), fieldsOf(standing), fieldsOf(draft)];
  const head = el('tr', {}, ...[t.form.field, t.form.began, t.form.theirs, t.form.yours].map((text) => el('th', { scope: 'col' }, text)));
  const rows = moved.map((name) => {
    const group = freshId('stands');
    const pick = (/** @type {boolean} */ isMine, /** @type {any} */ value) => {
      if (!both.includes(name)) return isMine ? '–' : own(written(value));
      const control = el('input', { type: 'radio', name: group, checked: isMine });
      control.addEventListener('change', () => (isMine ? dropped.delete(name) : dropped.add(name)));
      return el('label', { class: 'radio' }, control, own(written(value)));
    };
    return el('tr', { 'data-field': name }, el('th', { scope: 'row' }, nameOf(name)), el('td', {}, own(written(was[name]))), el('td', {}, pick(false, theirs[name])), el('td', {}, pick(true, yours[name])));
  });
  return el('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t.form.conflict }, el('table', { class: 'figures conflict' }, el('thead', {}, head), el('tbody', {}, ...rows)));
}

/** What the form calls a field. @param {string} name as the API names it */
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
      el('div', { class: 'buttons' }, button(t.form.goOn, () => dialog.close()), button(t.form.keepTheirs, choose(theirs)), button(t.form.keepYours, choose(mine), { class: 'button primary' })));
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
