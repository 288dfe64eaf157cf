/**
 * Embed code of a poll, and the link to its page.
 */
import { base } from '../api.js';
import { button, el } from '../dom.js';
import { t } from '../i18n.js';
import { copy } from './toast.js';

/** @param {string} id */
export function embedCard(id) {
  const lines = `<script type="module" src="${new URL('widget.js', base)}"></script>\n<live-poll poll="${id}"></live-poll>`;
  const code = el('code', {}, lines);
  const link = new URL(`polls/${encodeURIComponent(id)}`, base).href;
  return el('section', { class: 'card' },
    el('h2', {}, t.embed.heading),
    el('p', { class: 'hint' }, t.embed.hint),
    el('pre', { class: 'code', dir: 'ltr', tabindex: '0', role: 'group', 'aria-label': t.embed.heading }, code),
    el('div', { class: 'buttons start' }, button(t.embed.copyCode, () => copy(lines, code)), button(t.embed.link, () => copy(link))));
}
