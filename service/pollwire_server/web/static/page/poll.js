/**
 * The live page around its widget: voters and time in large, how it moved, how a ranking was counted out,
 * the series' forecasters, a big-screen mode, its address to share and the lines that embed it.
 *
 * The widget hears the service and says what it knows at most once a frame of the screen (`poll-change`);
 * every part here is handed that and decides how often it is worth drawing. Nothing is kept per update, so
 * a page that stays open for days holds as much as on its first minute.
 */
import { Facts } from './live/summary.js';
import { History } from './live/history.js';
import { Leaders } from './live/leaderboard.js';
import { byId } from './live/dom.js';
import { Rounds } from './live/rounds.js';
import { offerScreen } from './live/presentation_mode.js';
import { offerSharing } from './live/share.js';
import { Verdict } from './live/outcome_banner.js';
import { loadPageTranslator } from './live/i18n.js';

/** @typedef {import('../widget/model.js').State} State */

const widget = byId('poll');

/** @type {State | null} */
let known = null;
/** @type {{update(state: State): void}[]} */
let parts = [];

/* This module comes before the widget's in the page, so nothing that the widget says is missed. */
widget.addEventListener('poll-change', (event) => {
  known = /** @type {CustomEvent<State>} */ (event).detail;
  show(known);
});
offerScreen(widget);

const translator = await loadPageTranslator();
offerSharing(translator);
const facts = new Facts(translator);
parts = [facts, new Verdict(translator), new History(translator), new Rounds(translator), new Leaders(translator)];
if (known) show(known);
setInterval(() => known && facts.update(known), 1000); // the countdown

/** @param {State} state */
function show(state) {
  const gone = state.trouble === 'gone';
  byId('gone').hidden = !gone;
  byId('stage').hidden = gone;
  byId('embed').hidden = gone;
  if (state.poll && document.title !== state.poll.question) document.title = state.poll.question;
  for (const part of parts) part.update(state);
}
