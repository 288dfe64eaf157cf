/**
 * Sign-in form: the API key, and the choice to stay signed in across reloads of this tab.
 */
import { request, ApiError } from '../api.js';
import { el } from '../dom.js';
import { Fields } from '../parts/fields.js';
import { errorMessage } from '../parts/toast.js';
import { session } from '../session.js';
import { t } from '../i18n.js';

/** @type {import('../console.js').View} */
export function signInView(place, _route, _signal) {
  const fields = new Fields();
  let key = '';
  let keep = session.storedKey() !== null;
  const submit = el('button', { class: 'button primary' }, t.signIn.submit);
  const form = el(
    'form',
    { class: 'card sign-in', novalidate: true },
    el('h1', {}, t.signIn.heading),
    el('p', { class: 'lead' }, t.signIn.lead),
    fields.text({ path: 'key', label: t.signIn.key, hint: t.signIn.hint }, '', (value) => (key = value), { type: 'password', autocomplete: 'off', spellcheck: 'false', dir: 'ltr', autofocus: true }),
    fields.tick({ path: 'keep', label: t.signIn.staySignedIn, hint: t.signIn.staySignedInHint }, keep, (value) => (keep = value)),
    submit,
  );
  const attempt = async () => {
    fields.clear();
    if (!key.trim()) return fields.showError('key', t.signIn.keyRequired, false);
    submit.textContent = t.signIn.submitting;
    try {
      session.begin(key.trim(), await request('v1/admin/keys/mine', { key: key.trim() }), keep);
    } catch (error) {
      const isWrong = error instanceof ApiError && error.status === 401;
      fields.showError('key', isWrong ? t.signIn.invalidKey : errorMessage(error), false);
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
