/**
 * Modal dialogs (`<dialog>`). An error is shown in the dialog, which stays open.
 */
import { button, el, freshId } from '../dom.js';
import { t } from '../i18n.js';
import { errorMessage } from './toast.js';

/**
 * @typedef {object} DialogOptions
 * @property {string} title
 * @property {import('../dom.js').Child[]} body
 * @property {string} verb label of the button
 * @property {boolean} [danger]
 * @property {import('./fields.js').Fields} [fields] form that shows errors at their fields
 * @property {() => boolean} [check] validate the input and show what is missing
 * @property {() => Promise<unknown>} act an error keeps the dialog open
 * @property {(error: import('../api.js').ApiError) => Promise<string | null>} [onError] a message that replaces the error's own
 */

/** @param {DialogOptions} asked @returns {Promise<boolean>} true if the action was done */
export function confirmDialog(asked) {
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
      go.textContent = t.actions.working;
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
      const instead = await asked.onError?.(error);
      if (!instead && error.field && asked.fields) return asked.fields.showError(error.field, error.message);
      trouble.textContent = instead ?? errorMessage(error);
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

/** Show content until the operator dismisses it. @param {string} title @param {import('../dom.js').Child[]} body @param {string} dismiss */
export function show(title, body, dismiss) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      const heading = el('h2', { id: freshId('dialog') }, title);
      const dialog = el('dialog', { 'aria-labelledby': heading.id });
      const leave = () => {
        dialog.close();
        dialog.remove(); // at once: 'close' fires later, and the content may be a secret
      };
      dialog.append(heading, ...body.filter((part) => part instanceof Node), el('div', { class: 'buttons' }, button(dismiss, leave, { class: 'button primary' })));
      dialog.addEventListener('cancel', (event) => event.preventDefault()); // Escape must not close what is shown only once
      dialog.addEventListener('close', () => {
        dialog.remove();
        resolve();
      });
      document.body.append(dialog);
      dialog.showModal();
    })
  );
}
