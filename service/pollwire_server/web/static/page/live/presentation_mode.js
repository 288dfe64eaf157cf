/**
 * Presentation mode: the poll alone, in full screen, with the QR code in a corner.
 *
 * `?screen` in the URL starts it, for screens without a user. Browsers require a user's action for full screen, so
 * such a page fills its window. The mode keeps the screen awake if the browser allows it, and hides the pointer
 * and the controls after a few seconds without movement.
 */
import { byId } from './dom.js';

const IDLE_AFTER_MS = 3000;
const MOST_IN_A_COLUMN = 6;
/** Numbers of rows from which one more column is used. */
const COLUMNS_FROM = [MOST_IN_A_COLUMN + 1, 19, 31];

/** @param {HTMLElement} widget */
export function offerScreen(widget) {
  const screen = new Screen(widget);
  byId('present').addEventListener('click', () => screen.enter(true));
  byId('leave').addEventListener('click', () => screen.leave());
  addEventListener('keydown', ({ key }) => key === 'Escape' && screen.isOn && screen.leave());
  addEventListener('pointermove', () => screen.stir(), { passive: true });
  document.addEventListener('fullscreenchange', () => !document.fullscreenElement && screen.isOn && screen.leave());
  document.addEventListener('visibilitychange', () => !document.hidden && screen.isOn && screen.stayAwake());
  widget.addEventListener('poll-change', (event) => fit(/** @type {CustomEvent} */ (event).detail.poll));
  if (new URLSearchParams(location.search).has('screen')) screen.enter(false);
}

/** Pass the number of rows to the style sheet, which divides the screen's height among them. @param {import('../../client/types.js').Poll | null} poll */
function fit(poll) {
  if (!poll) return;
  const rows = poll.options?.length || (poll.scale ? poll.scale.max - poll.scale.min + 1 : 0) || 1;
  const { style, classList } = document.documentElement;
  if (style.getPropertyValue('--rows') === String(rows)) return;
  const columns = 1 + COLUMNS_FROM.filter((least) => rows >= least).length;
  style.setProperty('--rows', String(rows));
  style.setProperty('--columns', String(columns));
  style.setProperty('--lines', String(Math.ceil(rows / columns)));
  classList.toggle('many', columns > 1);
  classList.toggle('crowd', columns > 2);
}

class Screen {
  isOn = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #idle;
  /** @type {WakeLockSentinel | null} */
  #lock = null;

  /** @param {HTMLElement} widget */
  constructor(widget) {
    this.widget = widget;
  }

  /** @param {boolean} asked true after a user's action */
  enter(asked) {
    this.#turn(true);
    if (asked) document.documentElement.requestFullscreen?.().catch(() => {});
    this.stayAwake();
    this.stir();
  }

  leave() {
    this.#turn(false);
    clearTimeout(this.#idle);
    this.#lock?.release();
    this.#lock = null;
    if (document.fullscreenElement) document.exitFullscreen();
    byId('present').focus({ preventScroll: true });
  }

  /** Show the controls for a while after a movement of the pointer. */
  stir() {
    if (!this.isOn) return;
    document.documentElement.classList.remove('idle');
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => document.documentElement.classList.add('idle'), IDLE_AFTER_MS);
  }

  async stayAwake() {
    this.#lock = (await navigator.wakeLock?.request('screen').catch(() => null)) ?? null;
  }

  /** @param {boolean} on */
  #turn(on) {
    this.isOn = on;
    document.documentElement.classList.toggle('presenting', on);
    document.documentElement.classList.remove('idle');
    this.widget.toggleAttribute('results-only', on);
    byId('leave').hidden = !on;
    for (const id of ['embed']) byId(id).inert = on;
  }
}
