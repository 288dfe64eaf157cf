/**
 * The widget's constructed style sheet, shared by all widgets of the page.
 *
 * Constructed style sheets need no `style-src`, so the widget looks the same under a strict Content-Security-Policy.
 */
import { styles } from './styles.js';

const sheet = new CSSStyleSheet();
sheet.replaceSync(styles);

/** Apply the widget's styles to a shadow root. @param {ShadowRoot} root */
export function adoptStyles(root) {
  root.adoptedStyleSheets = [sheet];
}
