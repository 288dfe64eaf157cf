/**
 * Toast: a short message, announced politely and shown for some seconds.
 */
import { ApiError } from '../api.js';
import { t } from '../i18n.js';

const SHOWN_FOR_MS = 6000;
let timer = 0;

/** @param {string} text */
export function showToast(text) {
  const place = document.getElementById('toast');
  if (!place) return;
  clearTimeout(timer);
  place.textContent = text;
  timer = setTimeout(() => (place.textContent = ''), SHOWN_FOR_MS);
}

/** Return the message for an error: the service's own detail, or a general text. @param {unknown} error */
export function errorMessage(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 0) return t.unreachable;
  return error.status >= 500 ? t.busy : error.message;
}

/** Copy the text, if the browser allows it. @param {string} text @param {HTMLElement} [shown] element to select otherwise */
export async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    showToast(t.copied);
  } catch {
    if (shown) getSelection()?.selectAllChildren(shown);
  }
}
