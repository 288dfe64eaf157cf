/**
 * Form for creating or editing a poll, beside a preview.
 *
 * Unsaved input survives errors, connection loss, a change of language and a revoked key, until the tab closes.
 * It is discarded after a save, or when the operator confirms.
 */
import { request, pollPath, ApiError } from '../api.js';
import { blankDraft, findEmptyField, createBody, draftFromPoll, patchBody } from '../draft.js';
import { button, el, isolated, setChildren } from '../dom.js';
import { resolveConflict } from '../parts/conflict.js';
import { PollForm } from '../parts/poll_form.js';
import { Preview } from '../parts/preview.js';
import { showToast, errorMessage } from '../parts/toast.js';
import { go, hashOf } from '../router.js';
import { session } from '../session.js';
import { operatorZone } from '../date_format.js';
import { language, t } from '../i18n.js';

/** @typedef {import('../draft.js').Draft} Draft */
/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {{base: Poll | null, original: Draft, draft: Draft}} Work `original`: the draft before the first edit */

/** Unsaved work by poll id; the empty id is a new poll. @type {Map<string, Work>} */
const unsaved = new Map();

/** @type {import('../console.js').View} */
export function editView(place, route, signal) {
  const id = route.path[1] === 'new' ? null : route.path[1];
  const title = id === null ? t.form.newPoll : t.form.edit;
  place.append(el('h1', {}, title), el('p', { class: 'quiet' }, t.loading));
  const scope = ['polls:write', 'polls:read'].find((name) => !session.hasScopes(/** @type {any} */ (name)) && (name === 'polls:write' || id !== null));
  if (scope) setChildren(place, el('h1', {}, title), el('p', { class: 'empty' }, t.missingPermission(scope)));
  else begin(place, id, signal);
  return { title, canLeave: () => canLeave(id ?? '') };
}

/** @param {string} id */
function canLeave(id) {
  const work = unsaved.get(id);
  if (!work || !session.isOpen || !hasChanges(work)) return true;
  if (!confirm(t.form.discardChanges)) return false;
  unsaved.delete(id);
  return true;
}

/** @param {Work} work */
function hasChanges({ original, draft }) {
  return JSON.stringify(original) !== JSON.stringify(draft);
}

/** @param {HTMLElement} place @param {string | null} id @param {AbortSignal} signal */
async function begin(place, id, signal) {
  try {
    const work = unsaved.get(id ?? '') ?? workOn(id === null ? null : await request(pollPath(id)));
    const issuers = await issuerNames();
    if (signal.aborted) return;
    unsaved.set(id ?? '', work);
    new PollEditor(place, work, issuers).draw();
  } catch (error) {
    if (signal.aborted) return;
    const missing = error instanceof ApiError && error.status === 404;
    setChildren(place, el('h1', {}, t.form.edit), el('p', { class: 'empty' }, missing ? t.poll.notFound : errorMessage(error)), !missing && button(t.tryAgain, () => begin(place, id, signal)));
  }
}

/** @param {Poll | null} poll @param {string} [zone] @returns {Work} */
function workOn(poll, zone) {
  const original = poll === null ? blankDraft(operatorZone, language()) : draftFromPoll(poll, zone ?? poll.timezone ?? operatorZone);
  return { base: poll, original, draft: structuredClone(original) };
}

/** Return the issuers' names, or null if the key may not list them. @returns {Promise<string[] | null>} */
async function issuerNames() {
  if (!session.hasScopes('issuers:write')) return null;
  const { items } = await request('v1/admin/issuers?limit=100');
  return items.map((/** @type {{issuer: string}} */ { issuer }) => issuer);
}

class PollEditor {
  #saving = false;

  /** @param {HTMLElement} place @param {Work} work @param {string[] | null} issuers */
  constructor(place, work, issuers) {
    this.place = place;
    this.work = work;
    this.issuers = issuers;
  }

  draw() {
    const { base, draft } = this.work;
    const preview = new Preview();
    this.form = new PollForm(draft, {
      isNew: base === null,
      kept: base?.options.map(({ id }) => id) ?? [],
      issuers: this.issuers,
      changed: () => {
        this.#mark();
        preview.update(draft);
      },
      submit: () => this.#submit(),
    });
    const back = el('a', { class: 'button', href: base ? hashOf(['polls', base.id]) : hashOf([]) }, t.cancel);
    this.form.buttons.append(back);
    const heading = el('h1', { tabindex: '-1' }, base ? t.form.edit : t.form.newPoll);
    setChildren(this.place, el('div', { class: 'poll-head' }, heading, base && el('p', { class: 'sub' }, isolated(base.question, base.lang), ' · ', el('code', {}, base.id))), el('div', { class: 'columns editing' }, this.form.element, el('div', { class: 'side-panel' }, preview.element)));
    preview.update(draft);
    this.#mark();
    heading.focus({ preventScroll: true });
  }

  #mark() {
    this.form?.element.toggleAttribute('data-unsaved', hasChanges(this.work));
  }

  async #submit() {
    if (this.#saving || !this.form) return;
    const { fields, submit } = this.form;
    fields.clear();
    const blank = findEmptyField(this.work.draft);
    if (blank) return fields.showError(blank, t.form.required, false);
    this.#saving = true;
    submit.setAttribute('aria-disabled', 'true');
    submit.textContent = t.form.saving;
    try {
      await this.#save();
    } catch (error) {
      const field = error instanceof ApiError ? error.field : null;
      fields.showError(field, errorMessage(error), error instanceof ApiError && error.status < 500 && error.status > 0);
    } finally {
      this.#saving = false;
      submit.removeAttribute('aria-disabled');
      submit.textContent = this.work.base === null ? t.form.create : t.save;
    }
  }

  async #save() {
    const { base, original, draft } = this.work;
    if (base === null) return this.#done('', await request('v1/admin/polls', { method: 'POST', body: createBody(draft) }), t.form.created);
    const patch = patchBody(original, draft);
    if (Object.keys(patch).length === 0) return this.#done(base.id, base, t.form.unchanged);
    try {
      this.#done(base.id, await request(pollPath(base.id), { method: 'PATCH', body: patch, version: base.version }), t.form.saved);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 412) throw error;
      await this.#resolveConflict(base);
    }
  }

  /** Resolve an edit conflict with the version stored meanwhile. @param {Poll} base */
  async #resolveConflict(base) {
    const theirs = await request(pollPath(base.id));
    const merged = await resolveConflict({ base, theirs, draft: this.work.draft, original: this.work.original });
    if (merged === null) return;
    const rebased = workOn(theirs, this.work.draft.timezone);
    Object.assign(this.work, { base: theirs, original: rebased.original, draft: merged });
    this.draw();
    if (Object.keys(patchBody(rebased.original, merged)).length > 0) await this.#save();
  }

  /** @param {string} id key of the unsaved work @param {Poll} poll @param {string} message */
  #done(id, poll, message) {
    unsaved.delete(id);
    showToast(message);
    go(['polls', poll.id]);
  }
}
