/**
 * Live page around the widget: summary, results over time, rounds of a ranked poll, the series' leaderboard,
 * presentation mode, sharing and embed code.
 *
 * The widget receives the stream and dispatches its state at most once per animation frame (`poll-change`). Every
 * part receives the state and limits its own redraws. Nothing grows per update, so a page can stay open for days.
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

/* The page loads this module before the widget's, so no event is missed. */
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
