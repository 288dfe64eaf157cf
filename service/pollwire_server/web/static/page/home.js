/** Home page: shows a live poll in place of the illustration if the demo polls exist. */

const live = document.getElementById('now');

live?.addEventListener('poll-change', (event) => {
  const { detail } = /** @type {CustomEvent<import('../widget/model.js').State>} */ (event);
  const shown = Boolean(detail.poll) && !detail.trouble;
  live.hidden = !shown;
  document.getElementById('try')?.toggleAttribute('hidden', !shown);
  document.getElementById('sketch')?.toggleAttribute('hidden', shown);
});
