/**
 * Live page around the widget: summary, results over time, rounds of a ranked poll, the series' leaderboard,
 * presentation mode, sharing and embed code.
 *
 * The widget receives the stream and dispatches its state at most once per animation frame (`poll-change`). Every
 * part receives the state and limits its own redraws. Nothing grows per update, so a page can stay open for days.
 */
import { Summary } from './live/summary.js';
import { History } from './live/history.js';
import { Leaderboard } from './live/leaderboard.js';
import { byId } from './live/dom.js';
import { Rounds } from './live/rounds.js';
import { setUpPresentationMode } from './live/presentation_mode.js';
import { setUpSharing } from './live/share.js';
import { OutcomeBanner } from './live/outcome_banner.js';
import { loadPageTranslator } from './live/i18n.js';

/** @typedef {import('../widget/model.js').State} State */

const widget = byId('poll');

/** @type {State | null} */
let latest = null;
/** @type {{update(state: State): void}[]} */
let parts = [];

/* The page loads this module before the widget's, so no event is missed. */
widget.addEventListener('poll-change', (event) => {
  latest = /** @type {CustomEvent<State>} */ (event).detail;
  show(latest);
});
setUpPresentationMode(widget);

const translator = await loadPageTranslator();
setUpSharing(translator);
const summary = new Summary(translator);
const history = new History(translator);
const rounds = new Rounds(translator, (found) => history.showRounds(found));
parts = [summary, new OutcomeBanner(translator), history, rounds, new Leaderboard(translator)];
if (latest) show(latest);
setInterval(() => latest && summary.update(latest), 1000); // the countdown

/** @param {State} state */
function show(state) {
  const isRemoved = state.trouble === 'gone';
  byId('removed').hidden = !isRemoved;
  byId('poll-layout').hidden = isRemoved;
  byId('embed').hidden = isRemoved;
  if (state.poll && document.title !== state.poll.question) document.title = state.poll.question;
  for (const part of parts) part.update(state);
}
