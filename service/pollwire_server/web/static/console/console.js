/**
 * The console from its first line: language, session, and the view that the address names.
 */
import { el, put } from './dom.js';
import { ask, Refusal } from './api.js';
import { follow } from './live.js';
import { currentRoute, go, hashOf } from './router.js';
import { session } from './session.js';
import { say } from './parts/toast.js';
import { LANGUAGES, language, speak, t, wishedLanguage } from './i18n.js';
import { signInView } from './views/sign_in.js';
import { pollsView } from './views/polls.js';
import { pollView } from './views/poll.js';
import { editView } from './views/edit.js';
import { keysView } from './views/keys.js';
import { issuersView } from './views/issuers.js';
import { webhooksView } from './views/webhooks.js';

/**
 * @typedef {object} Shown what a view says of itself once it has begun
 * @property {string} title
 * @property {() => boolean} [mayLeave] asked before another view takes the place
 *
 * @typedef {(place: HTMLElement, route: import('./router.js').Route, life: AbortSignal) => Shown} View
 */

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const rooms = /** @type {HTMLElement} */ (document.getElementById('rooms'));
const who = /** @type {HTMLElement} */ (document.getElementById('who'));

/** @type {AbortController} */
let life = new AbortController();
/** @type {Shown | null} */
let shown = null;
let standingHash = location.hash;

/** @param {string[]} path @returns {View} */
function viewFor([room = 'polls', id, part]) {
  if (room === 'polls' && id === undefined) return pollsView;
  if (room === 'polls' && (id === 'new' || part === 'edit')) return editView;
  if (room === 'polls') return pollView;
  return { keys: keysView, issuers: issuersView, webhooks: webhooksView }[room] ?? pollsView;
}

/** @param {boolean} [moved] the focus goes to the new view, as after following a link */
function render(moved = true) {
  life.abort();
  life = new AbortController();
  const route = currentRoute();
  const place = el('div', { class: 'view' });
  put(main, place);
  if (!session.isOpen) follow([], null);
  shown = (session.isOpen ? viewFor(route.path) : signInView)(place, route, life.signal);
  document.title = `${shown.title} · Pollwire`;
  drawBar(route.path[0] ?? 'polls');
  if (!moved) return;
  scrollTo(0, 0);
  const heading = place.querySelector('h1');
  heading?.setAttribute('tabindex', '-1');
  if (session.isOpen) heading?.focus({ preventScroll: true });
}

/** @param {string} room */
function drawBar(room) {
  const links = /** @type {[string, string][]} */ ([['polls', t.polls], ['keys', t.keys], ['issuers', t.issuers], ['webhooks', t.webhooks]]);
  rooms.hidden = !session.isOpen;
  rooms.setAttribute('aria-label', t.rooms);
  put(rooms, ...links.map(([name, text]) => el('a', { href: hashOf(name === 'polls' ? [] : [name]), ...(name === room ? { 'aria-current': 'page' } : {}) }, text)));
  const languages = el('select', { 'aria-label': t.language, class: 'plain' }, ...Object.entries(LANGUAGES).map(([name, text]) => el('option', { value: name, lang: name }, text)));
  languages.value = language();
  languages.addEventListener('change', () => changeLanguage(languages.value));
  const signOut = el('button', { type: 'button', class: 'button small', click: () => session.end() }, t.signIn.out);
  put(who, languages, session.isOpen && el('span', { class: 'name', title: t.signIn.as(session.name) }, el('bdi', {}, session.name)), session.isOpen && signOut);
  const skip = document.getElementById('skip');
  if (skip) skip.textContent = t.skip;
}

/** @param {string} wish */
async function changeLanguage(wish) {
  await speak(wish); // what is being written is kept, and shown again in the other language
  const address = new URL(location.href);
  address.searchParams.set('lang', wish);
  history.replaceState(null, '', address);
  render(false);
  who.querySelector('select')?.focus();
}

addEventListener('hashchange', () => {
  if (location.hash === standingHash) return;
  if (shown?.mayLeave && !shown.mayLeave()) {
    history.pushState(null, '', standingHash || '#/'); // back to where the unsaved work is
    return;
  }
  standingHash = location.hash;
  render();
});

addEventListener('beforeunload', (event) => {
  if (shown?.mayLeave && session.isOpen && hasUnsaved()) event.preventDefault();
});

document.getElementById('skip')?.addEventListener('click', (event) => {
  event.preventDefault(); // the part after # names a view here
  main.focus();
});

function hasUnsaved() {
  return document.querySelector('form[data-unsaved]') !== null;
}

session.onChange((reason) => {
  if (session.isOpen) return render();
  if (reason) say(t.signIn.ended);
  else say(t.signIn.signedOut);
  render(false);
  /** @type {HTMLElement | null} */ (main.querySelector('input'))?.focus();
});

async function start() {
  await speak(wishedLanguage());
  const key = session.remembered();
  if (key) await resume(key);
  if (!session.isOpen) render(false);
}

/** @param {string} key kept in this tab before a reload */
async function resume(key) {
  try {
    session.begin(key, await ask('v1/admin/keys/mine', { key }), false);
  } catch (error) {
    if (error instanceof Refusal && error.status === 401) session.forget();
  }
}

if (location.hash === '#' || location.hash === '') go([]);
standingHash = location.hash;
start();
