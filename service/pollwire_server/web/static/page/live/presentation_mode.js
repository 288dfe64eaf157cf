/**
 * Presentation mode: the poll alone, in full screen, with the QR code in a corner.
 *
 * `?screen` in the URL starts it, for screens without a user. Browsers require a user's action for full screen, so
 * such a page fills its window. The mode keeps the screen awake if the browser allows it, and hides the pointer
 * and the controls after a few seconds without movement.
 */
import { byId } from './dom.js';
import { fitToScreen } from './screen_fit.js';

const IDLE_AFTER_MS = 3000;
const MAX_ROWS_PER_COLUMN = 6;
/** From this number of rows on, rows have a smaller text and no number of votes. */
const DENSE_FROM = 19;
/** Numbers of rows from which one more column is used. */
const COLUMNS_FROM = [MAX_ROWS_PER_COLUMN + 1, DENSE_FROM, 31];
const MIN_COLUMN_WIDTH = 256;

/** @param {HTMLElement} widget */
export function setUpPresentationMode(widget) {
  const mode = new PresentationMode(widget);
  byId('present').addEventListener('click', () => mode.enter(true));
  byId('exit-presentation').addEventListener('click', () => mode.exit());
  addEventListener('keydown', ({ key }) => key === 'Escape' && mode.isActive && mode.exit());
  addEventListener('pointermove', () => mode.showControls(), { passive: true });
  document.addEventListener('fullscreenchange', () => !document.fullscreenElement && mode.isActive && mode.exit());
  document.addEventListener('visibilitychange', () => !document.hidden && mode.isActive && mode.requestWakeLock());
  /** @type {import('../../client/types.js').Poll | null} */
  let poll = null;
  widget.addEventListener('poll-change', (event) => setLayout((poll = /** @type {CustomEvent} */ (event).detail.poll)));
  addEventListener('resize', () => setLayout(poll));
  fitToScreen(byId('poll-layout'));
  if (new URLSearchParams(location.search).has('screen')) mode.enter(false);
}

/** Pass the number of rows to the style sheet, which divides the screen's height among them. @param {import('../../client/types.js').Poll | null} poll */
function setLayout(poll) {
  if (!poll) return;
  const rows = poll.options?.length || (poll.scale ? poll.scale.max - poll.scale.min + 1 : 0) || 1;
  const { style, classList } = document.documentElement;
  const wanted = 1 + COLUMNS_FROM.filter((minimum) => rows >= minimum).length;
  const isPortrait = innerHeight > innerWidth;
  const columns = Math.max(1, Math.min(isPortrait ? Math.ceil(wanted / 2) : wanted, Math.floor(innerWidth / MIN_COLUMN_WIDTH)));
  if (style.getPropertyValue('--rows') === String(rows) && style.getPropertyValue('--columns') === String(columns)) return;
  style.setProperty('--rows', String(rows));
  style.setProperty('--columns', String(columns));
  style.setProperty('--rows-per-column', String(Math.ceil(rows / columns)));
  classList.toggle('multi-column', columns > 1);
  classList.toggle('dense', rows >= DENSE_FROM);
}

class PresentationMode {
  isActive = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #idleTimer;
  /** @type {WakeLockSentinel | null} */
  #wakeLock = null;

  /** @param {HTMLElement} widget */
  constructor(widget) {
    this.widget = widget;
  }

  /** @param {boolean} fullScreen true after a user's action */
  enter(fullScreen) {
    this.#setActive(true);
    if (fullScreen) document.documentElement.requestFullscreen?.().catch(() => {});
    this.requestWakeLock();
    this.showControls();
  }

  exit() {
    this.#setActive(false);
    clearTimeout(this.#idleTimer);
    this.#wakeLock?.release();
    this.#wakeLock = null;
    if (document.fullscreenElement) document.exitFullscreen();
    byId('present').focus({ preventScroll: true });
  }

  /** Show the controls for a while after a movement of the pointer. */
  showControls() {
    if (!this.isActive) return;
    document.documentElement.classList.remove('idle');
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => document.documentElement.classList.add('idle'), IDLE_AFTER_MS);
  }

  async requestWakeLock() {
    this.#wakeLock = (await navigator.wakeLock?.request('screen').catch(() => null)) ?? null;
  }

  /** @param {boolean} active */
  #setActive(active) {
    this.isActive = active;
    document.documentElement.classList.toggle('presenting', active);
    document.documentElement.classList.remove('idle');
    this.widget.toggleAttribute('results-only', active);
    byId('exit-presentation').hidden = !active;
    byId('embed').inert = active;
  }
}
