/**
 * Sharing of the poll's URL, by the device's share dialog or the clipboard, and copying of embed code.
 */
import { byId } from './dom.js';

const TOAST_DURATION_MS = 4000;

/** @param {import('./i18n.js').PageTranslator} translator */
export function setUpSharing(translator) {
  const url = document.querySelector('link[rel=canonical]')?.getAttribute('href') ?? location.href;
  byId('share').addEventListener('click', async () => {
    if (!navigator.share) return copy(url, 'linkCopied');
    try {
      await navigator.share({ title: document.title, url });
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) await copy(url, 'linkCopied');
    }
  });
  for (const button of document.querySelectorAll('[data-copy-target]')) {
    button.addEventListener('click', () => copy(byId(button.getAttribute('data-copy-target') ?? '').textContent ?? '', 'copied'));
  }

  /** @param {string} text @param {'copied' | 'linkCopied'} messageKey */
  async function copy(text, messageKey) {
    try {
      await navigator.clipboard.writeText(text);
      showToast(translator.t(messageKey));
    } catch {
      showToast(translator.t('cannotCopy', { link: url })); // no clipboard: not https, or not allowed
    }
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let toastTimer;

/** @param {string} text */
function showToast(text) {
  byId('toast').textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (byId('toast').textContent = ''), TOAST_DURATION_MS);
}
