/**
 * The widget's style sheet: constructed once, shared by every widget of the page.
 *
 * A constructed sheet needs no `style-src` of the page, so the widget looks the same under a strict policy.
 */
import { styles } from './styles.js';

const sheet = new CSSStyleSheet();
sheet.replaceSync(styles);

/** @param {ShadowRoot} root */
export function dress(root) {
  root.adoptedStyleSheets = [sheet];
}
