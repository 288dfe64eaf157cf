/**
 * The widget's style sheet: fetched once, constructed once, shared by every widget of the page.
 *
 * Constructed sheets need no `style-src` of the page, so the widget looks the same under a strict policy.
 */
import { jitteredMs, pause } from '../client/waiting.js';

const sheet = new CSSStyleSheet();

/** @param {number} attempt @returns {Promise<void>} */
async function fill(attempt) {
  try {
    const response = await fetch(new URL('widget.css', import.meta.url));
    if (!response.ok) throw new Error(`${response.status}`);
    sheet.replaceSync(await response.text());
  } catch {
    await pause(jitteredMs(attempt));
    return fill(attempt + 1);
  }
}

const filled = fill(0);
/** A bad line must not keep the poll from being shown: after this long it appears plain, and is dressed later. */
const PATIENCE_MS = 2500;

/** @param {ShadowRoot} root @returns {Promise<void>} resolves when the root may be shown */
export async function dress(root) {
  root.adoptedStyleSheets = [sheet];
  await Promise.race([filled, pause(PATIENCE_MS)]);
}
