/** Demo article: shows how to create its polls if the service does not have them. */

const setup = document.getElementById('demo-setup');

document.addEventListener('poll-change', (event) => {
  const { trouble } = /** @type {CustomEvent<{trouble: string | null}>} */ (event).detail;
  const section = /** @type {HTMLElement} */ (event.target).closest('[data-demo]');
  if (!(section instanceof HTMLElement) || !setup) return;
  section.hidden = trouble === 'unknown';
  setup.hidden = document.querySelector('[data-demo][hidden]') === null;
});
