/**
 * Fit of the poll to the screen in presentation mode. A projected page cannot be scrolled.
 *
 * If the page is higher than the screen, the poll is scaled down until it fits. If it would become too small, its
 * texts are cropped first. Narrow screens are phones, which can be scrolled.
 */

const MIN_WIDTH = 640;
const MIN_SCALE = 0.55;
const MIN_CROPPED_SCALE = 0.3;
/** Halvings of the range of scales. */
const STEPS = 7;

/** Fit the page again after each change of its size. @param {HTMLElement} content */
export function fitToScreen(content) {
  let frame = 0;
  const schedule = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      fit();
    });
  };
  new ResizeObserver(schedule).observe(content);
  addEventListener('resize', schedule);
}

function fit() {
  const { classList } = document.documentElement;
  classList.remove('cropped');
  if (!classList.contains('presenting') || innerWidth < MIN_WIDTH || fitsAt(1)) return setScale(1);
  classList.toggle('cropped', !fitsAt(MIN_SCALE));
  if (fitsAt(1)) return;
  let [low, high] = [classList.contains('cropped') ? MIN_CROPPED_SCALE : MIN_SCALE, 1];
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (low + high) / 2;
    if (fitsAt(middle)) low = middle;
    else high = middle;
  }
  setScale(low);
}

/** @param {number} scale */
function fitsAt(scale) {
  setScale(scale);
  return document.documentElement.scrollHeight <= innerHeight;
}

/** @param {number} scale */
function setScale(scale) {
  document.documentElement.style.setProperty('--fit', String(scale));
}
