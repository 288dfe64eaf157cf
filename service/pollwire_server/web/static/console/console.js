/**
 * Entry point of the console: language, session, and the view that the URL names.
 */
import { el, setChildren } from './dom.js';
import { request, ApiError } from './api.js';
import { watchPolls } from './live.js';
import { currentRoute, go, hashOf } from './router.js';
import { session } from './session.js';
import { showToast } from './parts/toast.js';
import { LANGUAGES, language, setLanguage, t, preferredLanguage } from './i18n.js';
import { signInView } from './views/sign_in.js';
import { pollsView } from './views/polls.js';
import { pollView } from './views/poll.js';
import { editView } from './views/edit.js';
import { keysView } from './views/keys.js';
import { issuersView } from './views/issuers.js';
import { webhooksView } from './views/webhooks.js';
import { serviceAuditView } from './views/service_audit.js';

/**
 * @typedef {object} Shown result of a view
 * @property {string} title
 * @property {() => boolean} [canLeave] called before another view replaces it
 *
 * @typedef {(place: HTMLElement, route: import('./router.js').Route, signal: AbortSignal) => Shown} View
 */

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const mainMenu = /** @type {HTMLElement} */ (document.getElementById('main-menu'));
const account = /** @type {HTMLElement} */ (document.getElementById('account'));

/** @type {AbortController} */
let signal = new AbortController();
/** @type {Shown | null} */
let shown = null;
let currentHash = location.hash;

/** @param {string[]} path @returns {View} */
function viewFor([section = 'polls', id, part]) {
  if (section === 'polls' && id === undefined) return pollsView;
  if (section === 'polls' && (id === 'new' || part === 'edit')) return editView;
  if (section === 'polls') return pollView;
  return { keys: keysView, issuers: issuersView, webhooks: webhooksView, audit: serviceAuditView }[section] ?? pollsView;
}

/** @param {boolean} [moved] true if the focus moves to the new view */
function render(moved = true) {
  signal.abort();
  signal = new AbortController();
  const route = currentRoute();
  const place = el('div', { class: 'view' });
  setChildren(main, place);
  if (!session.isOpen) watchPolls([], null);
  shown = (session.isOpen ? viewFor(route.path) : signInView)(place, route, signal.signal);
  document.title = `${shown.title} · Pollwire`;
  renderHeader(route.path[0] ?? 'polls');
  if (!moved) return;
  scrollTo(0, 0);
  const heading = place.querySelector('h1');
  heading?.setAttribute('tabindex', '-1');
  if (session.isOpen) heading?.focus({ preventScroll: true });
}

/** @param {string} section */
function renderHeader(section) {
  const resources = /** @type {[import('./session.js').Scope, string, string][]} */ ([['keys:write', 'keys', t.keys], ['issuers:write', 'issuers', t.issuers], ['webhooks:write', 'webhooks', t.webhooks], ['audit:read', 'audit', t.audit.heading]]);
  const links = [['polls', t.polls], ...resources.filter(([scope]) => session.hasScopes(scope)).map(([, name, text]) => [name, text])];
  mainMenu.hidden = !session.isOpen;
  mainMenu.setAttribute('aria-label', t.mainMenu);
  setChildren(mainMenu, ...links.map(([name, text]) => el('a', { href: hashOf(name === 'polls' ? [] : [name]), ...(name === section ? { 'aria-current': 'page' } : {}) }, text)));
  const languages = el('select', { 'aria-label': t.language, class: 'plain' }, ...Object.entries(LANGUAGES).map(([name, text]) => el('option', { value: name, lang: name }, text)));
  languages.value = language();
  languages.addEventListener('change', () => changeLanguage(languages.value));
  const signOut = el('button', { type: 'button', class: 'button small', click: () => session.end() }, t.signIn.signOut);
  setChildren(account, languages, session.isOpen && el('span', { class: 'name', title: t.signIn.signedInAs(session.name) }, el('bdi', {}, session.name)), session.isOpen && signOut);
  const skip = document.getElementById('skip');
  if (skip) skip.textContent = t.skip;
}

/** @param {string} language */
async function changeLanguage(language) {
  await setLanguage(language); // unsaved input is kept
  const address = new URL(location.href);
  address.searchParams.set('lang', language);
  history.replaceState(null, '', address);
  render(false);
  account.querySelector('select')?.focus();
}

addEventListener('hashchange', () => {
  if (location.hash === currentHash) return;
  if (shown?.canLeave && !shown.canLeave()) {
    history.pushState(null, '', currentHash || '#/'); // stay at the unsaved work
    return;
  }
  currentHash = location.hash;
  render();
});

addEventListener('beforeunload', (event) => {
  if (shown?.canLeave && session.isOpen && hasUnsavedChanges()) event.preventDefault();
});

document.getElementById('skip')?.addEventListener('click', (event) => {
  event.preventDefault(); // the hash is the route
  main.focus();
});

function hasUnsavedChanges() {
  return document.querySelector('form[data-unsaved]') !== null;
}

session.onChange((reason) => {
  if (session.isOpen) return render();
  if (reason) showToast(t.signIn.keyNoLongerValid);
  else showToast(t.signIn.signedOut);
  render(false);
  /** @type {HTMLElement | null} */ (main.querySelector('input'))?.focus();
});

async function start() {
  await setLanguage(preferredLanguage());
  const key = session.storedKey();
  if (key) await resume(key);
  if (!session.isOpen) render(false);
}

/** @param {string} key stored in this tab before a reload */
async function resume(key) {
  try {
    session.begin(key, await request('v1/admin/keys/mine', { key }), false);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) session.forget();
  }
}

if (location.hash === '#' || location.hash === '') go([]);
currentHash = location.hash;
start();
