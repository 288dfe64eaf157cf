/**
 * What is told in passing: read out politely, seen for some seconds, in nobody's way.
 */
import { Refusal } from '../api.js';
import { t } from '../i18n.js';

const SHOWN_FOR_MS = 6000;
let timer = 0;

/** @param {string} text */
export function say(text) {
  const place = document.getElementById('said');
  if (!place) return;
  clearTimeout(timer);
  place.textContent = text;
  timer = setTimeout(() => (place.textContent = ''), SHOWN_FOR_MS);
}

/** A refusal in a sentence; what the service says of it where that helps most. @param {unknown} error */
export function sentenceOf(error) {
  if (!(error instanceof Refusal)) throw error;
  if (error.status === 0) return t.unreachable;
  return error.status >= 500 ? t.busy : error.message;
}

/** Copies, where the browser lets the page. @param {string} text @param {HTMLElement} [shown] selected where it does not */
export async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    say(t.copied);
  } catch {
    if (shown) getSelection()?.selectAllChildren(shown);
  }
}
