/** The lines to copy name this very service, and the picture is a poll that runs, where the demo's polls exist. */

const snippet = document.getElementById('snippet');
if (snippet) {
  const widget = new URL('widget.js', location.href).href;
  snippet.textContent = snippet.textContent?.replace('https://polls.example/widget.js', widget) ?? '';
}

document.getElementById('now')?.addEventListener('poll-change', (event) => {
  const { detail, target } = /** @type {CustomEvent<import('../widget/model.js').State>} */ (event);
  if (!(target instanceof HTMLElement) || !detail.poll) return;
  target.hidden = false;
  document.getElementById('sketch')?.setAttribute('hidden', '');
});
