/**
 * Making a poll, or editing one, beside a preview of what readers will see.
 *
 * What is being written outlives everything but the tab: a refusal, a lost line, a change of language, a key
 * that was revoked meanwhile. It is let go when it was saved, or when the operator says so.
 */
import { ask, pollPath, Refusal } from '../api.js';
import { blankDraft, blankIn, creationOf, draftOf, patchOf } from '../draft.js';
import { button, el, own, put } from '../dom.js';
import { settle } from '../parts/conflict.js';
import { PollForm } from '../parts/poll_form.js';
import { Preview } from '../parts/preview.js';
import { say, sentenceOf } from '../parts/toast.js';
import { go, hashOf } from '../router.js';
import { session } from '../session.js';
import { operatorZone } from '../date_format.js';
import { language, t } from '../i18n.js';

/** @typedef {import('../draft.js').Draft} Draft */
/** @typedef {import('../types.js').Poll} Poll */
/** @typedef {{base: Poll | null, began: Draft, draft: Draft}} Work `began`: the draft as it was before anything was written */

/** Work that is not saved, by the poll's id (empty: a new one). @type {Map<string, Work>} */
const unsaved = new Map();

/** @type {import('../console.js').View} */
export function editView(place, route, life) {
  const id = route.path[1] === 'new' ? null : route.path[1];
  const title = id === null ? t.form.make : t.form.edit;
  place.append(el('h1', {}, title), el('p', { class: 'quiet' }, t.loading));
  const scope = ['polls:write', 'polls:read'].find((name) => !session.may(/** @type {any} */ (name)) && (name === 'polls:write' || id !== null));
  if (scope) put(place, el('h1', {}, title), el('p', { class: 'empty' }, t.needs(scope)));
  else begin(place, id, life);
  return { title, mayLeave: () => mayLeave(id ?? '') };
}

/** @param {string} id */
function mayLeave(id) {
  const work = unsaved.get(id);
  if (!work || !session.isOpen || !hasChanges(work)) return true;
  if (!confirm(t.form.leave)) return false;
  unsaved.delete(id);
  return true;
}

/** @param {Work} work */
function hasChanges({ began, draft }) {
  return JSON.stringify(began) !== JSON.stringify(draft);
}

/** @param {HTMLElement} place @param {string | null} id @param {AbortSignal} life */
async function begin(place, id, life) {
  try {
    const work = unsaved.get(id ?? '') ?? workOn(id === null ? null : await ask(pollPath(id)));
    const issuers = await registered();
    if (life.aborted) return;
    unsaved.set(id ?? '', work);
    new Editing(place, work, issuers).draw();
  } catch (error) {
    if (life.aborted) return;
    const missing = error instanceof Refusal && error.status === 404;
    put(place, el('h1', {}, t.form.edit), el('p', { class: 'empty' }, missing ? t.poll.missing : sentenceOf(error)), !missing && button(t.again, () => begin(place, id, life)));
  }
}

/** @param {Poll | null} poll @param {string} [zone] @returns {Work} */
function workOn(poll, zone) {
  const began = poll === null ? blankDraft(operatorZone, language()) : draftOf(poll, zone ?? poll.timezone ?? operatorZone);
  return { base: poll, began, draft: structuredClone(began) };
}

/** The issuers' names; null where the key may not see them. @returns {Promise<string[] | null>} */
async function registered() {
  if (!session.may('keys:write')) return null;
  const { items } = await ask('v1/admin/issuers?limit=100');
  return items.map((/** @type {{issuer: string}} */ { issuer }) => issuer);
}

class Editing {
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
    const heading = el('h1', { tabindex: '-1' }, base ? t.form.edit : t.form.make);
    put(this.place, el('div', { class: 'poll-head' }, heading, base && el('p', { class: 'sub' }, own(base.question, base.lang), ' · ', el('code', {}, base.id))), el('div', { class: 'columns editing' }, this.form.element, el('div', { class: 'beside' }, preview.element)));
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
    const blank = blankIn(this.work.draft);
    if (blank) return fields.refuse(blank, t.form.blank, false);
    this.#saving = true;
    submit.setAttribute('aria-disabled', 'true');
    submit.textContent = t.form.saving;
    try {
      await this.#save();
    } catch (error) {
      const field = error instanceof Refusal ? error.field : null;
      fields.refuse(field, sentenceOf(error), error instanceof Refusal && error.status < 500 && error.status > 0);
    } finally {
      this.#saving = false;
      submit.removeAttribute('aria-disabled');
      submit.textContent = this.work.base === null ? t.form.create : t.save;
    }
  }

  async #save() {
    const { base, began, draft } = this.work;
    if (base === null) return this.#done('', await ask('v1/admin/polls', { method: 'POST', body: creationOf(draft) }), t.form.created);
    const patch = patchOf(began, draft);
    if (Object.keys(patch).length === 0) return this.#done(base.id, base, t.form.unchanged);
    try {
      this.#done(base.id, await ask(pollPath(base.id), { method: 'PATCH', body: patch, version: base.version }), t.form.saved);
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 412) throw error;
      await this.#meet(base);
    }
  }

  /** Somebody else was quicker. @param {Poll} base */
  async #meet(base) {
    const theirs = await ask(pollPath(base.id));
    const settled = await settle({ base, theirs, draft: this.work.draft, began: this.work.began });
    if (settled === null) return;
    const rebased = workOn(theirs, this.work.draft.timezone);
    Object.assign(this.work, { base: theirs, began: rebased.began, draft: settled });
    this.draw();
    if (Object.keys(patchOf(rebased.began, settled)).length > 0) await this.#save();
  }

  /** @param {string} id under which the work is kept @param {Poll} poll @param {string} news */
  #done(id, poll, news) {
    unsaved.delete(id);
    say(news);
    go(['polls', poll.id]);
  }
}
