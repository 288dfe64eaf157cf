/**
 * The door: an API key, and whether it is to outlive a reload of this tab.
 */
import { ask, Refusal } from '../api.js';
import { el } from '../dom.js';
import { Fields } from '../parts/fields.js';
import { sentenceOf } from '../parts/toast.js';
import { session } from '../session.js';
import { t } from '../i18n.js';

/** @type {import('../console.js').View} */
export function signInView(place, _route, _life) {
  const fields = new Fields();
  let key = '';
  let keep = session.remembered() !== null;
  const submit = el('button', { class: 'button primary' }, t.signIn.submit);
  const form = el(
    'form',
    { class: 'card door', novalidate: true },
    el('h1', {}, t.signIn.heading),
    el('p', { class: 'lead' }, t.signIn.lead),
    fields.text({ path: 'key', label: t.signIn.key, hint: t.signIn.hint }, '', (value) => (key = value), { type: 'password', autocomplete: 'off', spellcheck: 'false', dir: 'ltr', autofocus: true }),
    fields.tick({ path: 'keep', label: t.signIn.keep, hint: t.signIn.keepHint }, keep, (value) => (keep = value)),
    submit,
  );
  const attempt = async () => {
    fields.clear();
    if (!key.trim()) return fields.refuse('key', t.signIn.missing, false);
    submit.textContent = t.signIn.submitting;
    try {
      session.begin(key.trim(), await ask('v1/admin/keys/mine', { key: key.trim() }), keep);
    } catch (error) {
      const isWrong = error instanceof Refusal && error.status === 401;
      fields.refuse('key', isWrong ? t.signIn.wrong : sentenceOf(error), false);
    } finally {
      submit.textContent = t.signIn.submit;
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    attempt();
  });
  place.append(form);
  return { title: t.signIn.heading };
}
