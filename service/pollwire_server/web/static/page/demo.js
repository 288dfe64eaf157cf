/** The article tells how to make its polls where the service has none. */

const how = document.getElementById('how');

document.addEventListener('poll-change', (event) => {
  const { trouble } = /** @type {CustomEvent<{trouble: string | null}>} */ (event).detail;
  const place = /** @type {HTMLElement} */ (event.target).closest('[data-demo]');
  if (!(place instanceof HTMLElement) || !how) return;
  place.hidden = trouble === 'unknown';
  how.hidden = document.querySelector('[data-demo][hidden]') === null;
});
