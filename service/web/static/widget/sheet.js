/**
 * The widget's style sheets: fetched once, constructed once, shared by every widget of the page.
 *
 * Constructed sheets need no `style-src` of the page, so the widget looks the same under a strict policy.
 */
import { jitteredMs, pause } from '../client/waiting.js';

/** A bad line must not keep the poll from being shown: after this long it appears plain, and is dressed later. */
const PATIENCE_MS = 2500;

const sheets = ['widget.css', 'rows.css'].map((name) => ({ name, sheet: new CSSStyleSheet() }));

/** @param {string} name @param {CSSStyleSheet} sheet @returns {Promise<void>} */
async function fill(name, sheet, attempt = 0) {
  try {
    const response = await fetch(new URL(name, import.meta.url));
    if (!response.ok) throw new Error(`${response.status}`);
    sheet.replaceSync(await response.text());
  } catch {
    await pause(jitteredMs(attempt));
    return fill(name, sheet, attempt + 1);
  }
}

const filled = Promise.all(sheets.map(({ name, sheet }) => fill(name, sheet)));

/** @param {ShadowRoot} root @returns {Promise<void>} resolves when the root may be shown */
export async function dress(root) {
  root.adoptedStyleSheets = sheets.map(({ sheet }) => sheet);
  await Promise.race([filled, pause(PATIENCE_MS)]);
}
