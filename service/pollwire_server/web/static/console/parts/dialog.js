/**
 * Modal dialogs (`<dialog>`). An error is shown in the dialog, which stays open.
 */
import { button, el, uniqueId } from '../dom.js';
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

/** @param {DialogOptions} options @returns {Promise<boolean>} true if the action was done */
export function confirmDialog(options) {
  return new Promise((resolve) => {
    let done = false;
    const heading = el('h2', { id: uniqueId('dialog') }, options.title);
    const errorElement = el('p', { class: 'error', role: 'alert', hidden: true });
    const confirmButton = el('button', { class: options.danger ? 'button danger' : 'button primary' }, options.verb);
    const cancelButton = button(t.cancel, () => dialog.close());
    const form = el('form', { novalidate: true }, heading, ...options.body, errorElement, el('div', { class: 'buttons' }, cancelButton, confirmButton));
    const dialog = el('dialog', { 'aria-labelledby': heading.id }, form);
    const attempt = async () => {
      errorElement.hidden = true;
      options.fields?.clear();
      if (options.check && !options.check()) return;
      confirmButton.setAttribute('aria-disabled', 'true');
      confirmButton.textContent = t.actions.working;
      try {
        await options.act();
        done = true;
        dialog.close();
      } catch (error) {
        await showError(error);
      } finally {
        confirmButton.removeAttribute('aria-disabled');
        confirmButton.textContent = options.verb;
      }
    };
    const showError = async (/** @type {any} */ error) => {
      const replacement = await options.onError?.(error);
      if (!replacement && error.field && options.fields) return options.fields.showError(error.field, error.message);
      errorElement.textContent = replacement ?? errorMessage(error);
      errorElement.hidden = false;
    };
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (!confirmButton.hasAttribute('aria-disabled')) attempt();
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(done);
    });
    document.body.append(dialog);
    dialog.showModal();
    if (!form.querySelector('input, select, textarea')) cancelButton.focus();
  });
}

/** Show content until the operator dismisses it. @param {string} title @param {import('../dom.js').Child[]} body @param {string} dismiss */
export function show(title, body, dismiss) {
  return /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      const heading = el('h2', { id: uniqueId('dialog') }, title);
      const dialog = el('dialog', { 'aria-labelledby': heading.id });
      const close = () => {
        dialog.close();
        dialog.remove(); // at once: 'close' fires later, and the content may be a secret
      };
      dialog.append(heading, ...body.filter((part) => part instanceof Node), el('div', { class: 'buttons' }, button(dismiss, close, { class: 'button primary' })));
      dialog.addEventListener('cancel', (event) => event.preventDefault()); // Escape must not close text that is shown only once
      dialog.addEventListener('close', () => {
        dialog.remove();
        resolve();
      });
      document.body.append(dialog);
      dialog.showModal();
    })
  );
}
