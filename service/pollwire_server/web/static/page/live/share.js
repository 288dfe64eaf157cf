/**
 * Sharing of the poll's URL, by the device's share dialog or the clipboard, and copying of embed code.
 */
import { byId } from './dom.js';

const SAID_FOR_MS = 4000;

/** @param {import('./i18n.js').PageTranslator} translator */
export function offerSharing(translator) {
  const page = document.querySelector('link[rel=canonical]')?.getAttribute('href') ?? location.href;
  byId('share').addEventListener('click', async () => {
    if (!navigator.share) return copy(page, 'linkCopied');
    try {
      await navigator.share({ title: document.title, url: page });
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) await copy(page, 'linkCopied');
    }
  });
  for (const button of document.querySelectorAll('[data-copies]')) {
    button.addEventListener('click', () => copy(byId(button.getAttribute('data-copies') ?? '').textContent ?? '', 'copied'));
  }

  /** @param {string} text @param {'copied' | 'linkCopied'} told */
  async function copy(text, told) {
    try {
      await navigator.clipboard.writeText(text);
      say(translator.t(told));
    } catch {
      say(translator.t('cannotCopy', { link: page })); // no clipboard: not https, or not allowed
    }
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let silence;

/** @param {string} text */
function say(text) {
  byId('said').textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => (byId('said').textContent = ''), SAID_FOR_MS);
}
