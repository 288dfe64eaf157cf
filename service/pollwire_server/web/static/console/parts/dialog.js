/**
 * One question at a time, in a `<dialog>`: what will be done is said before it is done, and a refusal is shown
 * in the dialog, which stays open.
 */
import { button, el, freshId } from '../dom.js';
import { t } from '../i18n.js';
import { sentenceOf } from './toast.js';

/**
 * @typedef {object} Asked
 * @property {string} title
 * @property {import('../dom.js').Child[]} body
 * @property {string} verb what the button says
 * @property {boolean} [danger]
 * @property {import('./fields.js').Fields} [fields] where refusals are shown at their fields
 * @property {() => boolean} [check] whether everything needed is given; says itself what is not
 * @property {() => Promise<unknown>} act throws a refusal to stay open
 * @property {(error: import('../api.js').Refusal) => Promise<string | null>} [refused] a sentence instead of the refusal's own
 */

/** @param {Asked} asked @returns {Promise<boolean>} whether it was done */
export function askFirst(asked) {
  return new Promise((resolve) => {
    let done = false;
    const heading = el('h2', { id: freshId('dialog') }, asked.title);
    const trouble = el('p', { class: 'error', role: 'alert', hidden: true });
    const go = el('button', { class: asked.danger ? 'button danger' : 'button primary' }, asked.verb);
    const leave = button(t.cancel, () => dialog.close());
    const form = el('form', { novalidate: true }, heading, ...asked.body, trouble, el('div', { class: 'buttons' }, leave, go));
    const dialog = el('dialog', { 'aria-labelledby': heading.id }, form);
    const attempt = async () => {
      trouble.hidden = true;
      asked.fields?.clear();
      if (asked.check && !asked.check()) return;
      go.setAttribute('aria-disabled', 'true');
      go.textContent = t.acts.going;
      try {
        await asked.act();
        done = true;
        dialog.close();
      } catch (error) {
        await shown(error);
      } finally {
        go.removeAttribute('aria-disabled');
        go.textContent = asked.verb;
      }
    };
    const shown = async (/** @type {any} */ error) => {
      const instead = await asked.refused?.(error);
      if (!instead && error.field && asked.fields) return asked.fields.refuse(error.field, error.message);
      trouble.textContent = instead ?? sentenceOf(error);
      trouble.hidden = false;
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!go.hasAttribute('aria-disabled')) attempt();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(done);
    });
    document.body.append(dialog);
    dialog.showModal();
    if (!form.querySelector('input, select, textarea')) leave.focus();
  });
}

/** Something to be read and dismissed. @param {string} title @param {import('../dom.js').Child[]} body @param {string} dismiss */
export function show(title, body, dismiss) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      const heading = el('h2', { id: freshId('dialog') }, title);
      const dialog = el('dialog', { 'aria-labelledby': heading.id });
      const leave = () => {
        dialog.close();
        dialog.remove(); // at once, for 'close' comes later: what was shown may be a secret, and leaves the page with the press
      };
      dialog.append(heading, ...body.filter((part) => part instanceof Node), el('div', { class: 'buttons' }, button(dismiss, leave, { class: 'button primary' })));
      dialog.addEventListener('cancel', (event) => event.preventDefault()); // what is shown once is not dismissed by a slip
      dialog.addEventListener('close', () => {
        dialog.remove();
        resolve();
      });
      document.body.append(dialog);
      dialog.showModal();
    })
  );
}
