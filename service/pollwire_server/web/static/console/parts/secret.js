/**
 * A secret that is shown once: to be copied, and not to be dismissed by a slip.
 */
import { button, el } from '../dom.js';
import { t } from '../i18n.js';
import { show } from './dialog.js';
import { copy } from './toast.js';

/** @param {string} title @param {string} hint @param {string} secret */
export function showSecret(title, hint, secret) {
  const code = el('code', { dir: 'ltr', class: 'secret' }, secret);
  return show(title, [el('p', {}, hint), el('div', { class: 'code secret-line' }, code, button(t.copy, () => copy(secret, code), { class: 'button small' }))], t.keysPage.done);
}
