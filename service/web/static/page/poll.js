/**
 * The live page around its widget: voters, time and connection in large, a big-screen mode, its address to share.
 */
import { connect } from '../client/client.js';
import { moment, number, texts, timeLeft } from '../widget/words.js';
import { write } from '../widget/build.js';

/** @typedef {import('../widget/model.js').State} State */

const SAID_FOR_MS = 4000;

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
const client = connect(new URL('..', location.href)); // the widget's own: one connection, one clock
const widget = byId('poll');

/** @type {State | null} */
let known = null;

widget.addEventListener('poll-change', (event) => {
  known = /** @type {CustomEvent<State>} */ (event).detail;
  show(known);
});
setInterval(() => known && showTime(known), 1000);

/** @param {State} state */
function show(state) {
  const { poll, results, connection, trouble } = state;
  byId('facts').hidden = !poll || trouble === 'gone';
  if (!poll) return;
  document.title = poll.question;
  write(byId('voters'), results?.voters === undefined ? '–' : number(results.voters));
  write(byId('connection'), texts.connections[connection]);
  byId('connection').dataset.state = connection;
  showTime(state);
}

/** @param {State} state */
function showTime({ poll, results }) {
  if (!poll) return;
  const phase = results?.phase ?? poll.phase;
  const closesAt = results ? results.closes_at : poll.closes_at;
  const instant = phase === 'scheduled' ? poll.opens_at : closesAt;
  const leftMs = instant ? Date.parse(instant) - client.clock.now() : 0;
  const waiting = phase === 'scheduled' || phase === 'open';
  write(byId('clock-name'), waiting ? (phase === 'open' ? 'Closes in' : 'Opens in') : 'Voting');
  write(byId('clock'), waiting ? (instant ? timeLeft(leftMs) : 'No date set') : (texts.phases[phase] ?? texts.otherPhase));
  write(byId('moment'), instant ? moment(instant) : '');
  write(byId('as-of'), results ? `As of ${new Date(results.as_of).toLocaleTimeString('en')}` : '');
}

byId('present').addEventListener('click', () => {
  const presenting = document.documentElement.classList.toggle('presenting');
  widget.toggleAttribute('results-only', presenting);
  byId('present').setAttribute('aria-pressed', String(presenting));
  if (presenting) document.documentElement.requestFullscreen?.().catch(() => {});
  else if (document.fullscreenElement) document.exitFullscreen();
});

document.addEventListener('fullscreenchange', () => {
  const presenting = document.documentElement.classList.contains('presenting');
  if (!document.fullscreenElement && presenting) byId('present').click();
});

byId('share').hidden = false;
byId('share').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    say('The address is copied.');
  } catch {
    say(`The address is ${location.href}`); // no clipboard: not https, or not allowed
  }
});

/** @param {string} text */
function say(text) {
  byId('said').textContent = text;
  setTimeout(() => (byId('said').textContent = ''), SAID_FOR_MS);
}
