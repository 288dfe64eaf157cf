/**
 * Picture of an option, of fixed size. A picture that fails to load is removed.
 */
import { createElement } from './dom.js';

/**
 * Show the picture before the label. Nothing changes if the row shows it already.
 * @param {HTMLElement} label
 * @param {string | null} url
 */
export function updatePicture(label, url) {
  if ((label.dataset.picture ?? null) === url) return;
  const previous = label.previousElementSibling;
  if (previous instanceof HTMLImageElement) previous.remove();
  delete label.dataset.picture;
  if (!url) return;
  label.dataset.picture = url;
  const picture = createElement('img', 'picture');
  picture.alt = '';
  picture.loading = 'lazy';
  picture.decoding = 'async';
  picture.referrerPolicy = 'no-referrer';
  picture.width = picture.height = 48; // reserves the space while the picture loads
  picture.onerror = () => picture.remove();
  picture.src = url;
  label.before(picture);
}
