/**
 * An option's picture: a fixed place, whatever its file is. One that is missing, or is no picture, leaves no trace.
 */
import { make } from './dom.js';

/**
 * Puts the picture before the label, if the row shows another one now.
 * @param {HTMLElement} label
 * @param {string | null} address
 */
export function showPicture(label, address) {
  const shown = label.previousElementSibling;
  const held = shown instanceof HTMLImageElement ? shown : null;
  if ((label.dataset.picture ?? null) === address) return;
  held?.remove();
  delete label.dataset.picture;
  if (!address) return;
  label.dataset.picture = address;
  const picture = make('img', 'picture');
  picture.alt = '';
  picture.loading = 'lazy';
  picture.decoding = 'async';
  picture.referrerPolicy = 'no-referrer';
  picture.width = picture.height = 48; // its place is kept while it loads
  picture.onerror = () => picture.remove();
  picture.src = address;
  label.before(picture);
}
