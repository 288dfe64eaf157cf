/** Home page: shows a live poll in place of the illustration if the demo polls exist. */

const demoPoll = document.getElementById('demo-poll');

demoPoll?.addEventListener('poll-change', (event) => {
  const { detail } = /** @type {CustomEvent<import('../widget/model.js').State>} */ (event);
  const isShown = Boolean(detail.poll) && !detail.trouble;
  demoPoll.hidden = !isShown;
  document.getElementById('demo-hint')?.toggleAttribute('hidden', !isShown);
  document.getElementById('illustration')?.toggleAttribute('hidden', isShown);
});
