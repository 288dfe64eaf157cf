/** Demo article: shows how to create its polls if the service does not have them. */

const how = document.getElementById('how');

document.addEventListener('poll-change', (event) => {
  const { trouble } = /** @type {CustomEvent<{trouble: string | null}>} */ (event).detail;
  const place = /** @type {HTMLElement} */ (event.target).closest('[data-demo]');
  if (!(place instanceof HTMLElement) || !how) return;
  place.hidden = trouble === 'unknown';
  how.hidden = document.querySelector('[data-demo][hidden]') === null;
});
