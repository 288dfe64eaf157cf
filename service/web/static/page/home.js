/** The lines to copy name this very service. */

const snippet = document.getElementById('snippet');
if (snippet) {
  const widget = new URL('widget.js', location.href).href;
  snippet.textContent = snippet.textContent?.replace('https://polls.example/widget.js', widget) ?? '';
}
