/**
 * The widget's constructed style sheets. The first is shared by all widgets of the page.
 *
 * Constructed style sheets need no `style-src`, so the widget looks the same under a strict Content-Security-Policy.
 */
import { styles } from './styles.js';

const sheet = createSheet(styles);

/** Apply the widget's styles to a shadow root. @param {ShadowRoot} root */
export function adoptStyles(root) {
  root.adoptedStyleSheets = [sheet];
}

/** Add the styles of a module that was loaded on demand. @param {ShadowRoot} root @param {string} text */
export function addStyles(root, text) {
  root.adoptedStyleSheets.push(createSheet(text));
}

/** @param {string} text */
function createSheet(text) {
  const created = new CSSStyleSheet();
  created.replaceSync(text);
  return created;
}
