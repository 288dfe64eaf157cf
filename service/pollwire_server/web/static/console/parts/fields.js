/**
 * Labelled form controls, each with a hint and an error message.
 *
 * Controls are registered by the API's error path (`options[1].label`), so that an error is shown at its control,
 * or at the nearest registered parent.
 */
import { el, uniqueId, setChildren } from '../dom.js';
import { t } from '../i18n.js';

/**
 * @typedef {object} About
 * @property {string} path as the API names it
 * @property {string} label
 * @property {string | null} [hint]
 * @property {boolean} [optional]
 * @property {string} [class]
 *
 * @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control
 * @typedef {{control: HTMLElement, error: HTMLElement}} Place
 */

export class Fields {
  /** @type {Map<string, Place>} */
  #places = new Map();
  /** Errors without a control. */
  summary = el('p', { class: 'error summary', tabindex: '-1', hidden: true });

  /** @param {About} about @param {string} value @param {(value: string) => void} changed @param {Record<string, any>} [props] */
  text(about, value, changed, props = {}) {
    const control = el('input', { type: 'text', autocomplete: 'off', value, ...props });
    control.addEventListener('input', () => changed(control.value));
    return this.#field(about, control);
  }

  /** @param {About} about @param {string} value @param {(value: string) => void} changed @param {Record<string, any>} [props] */
  longText(about, value, changed, props = {}) {
    const control = el('textarea', { rows: '3', value, ...props });
    control.addEventListener('input', () => changed(control.value));
    return this.#field(about, control);
  }

  /**
   * @param {About} about @param {string} value @param {[string, string][]} choices value and text
   * @param {(value: string) => void} changed @param {Record<string, any>} [props]
   */
  choice(about, value, choices, changed, props = {}) {
    const control = el('select', props, ...choices.map(([name, text]) => el('option', { value: name }, text)));
    control.value = value;
    control.addEventListener('change', () => changed(control.value));
    return this.#field(about, control);
  }

  /** @param {About} about @param {boolean} value @param {(value: boolean) => void} changed */
  tick(about, value, changed) {
    const [id, hintId, error] = [uniqueId('tick'), uniqueId('hint'), this.#error()];
    const control = el('input', { type: 'checkbox', id, checked: value, 'aria-describedby': `${hintId} ${error.id}` });
    control.addEventListener('change', () => changed(control.checked));
    this.#places.set(about.path, { control, error });
    const hint = el('p', { class: 'hint', id: hintId, hidden: !about.hint }, about.hint);
    return el('div', { class: `field tick ${about.class ?? ''}` }, control, el('label', { for: id }, about.label), hint, error);
  }

  /** Create radio buttons. @param {About} about @param {string} value @param {[string, string, string?][]} choices value, text, hint @param {(value: string) => void} changed */
  radios(about, value, choices, changed) {
    const [name, error] = [uniqueId('radios'), this.#error()];
    const rows = choices.map(([choice, text, hint]) => {
      const control = el('input', { type: 'radio', name, value: choice, checked: choice === value });
      control.addEventListener('change', () => changed(choice));
      return el('label', { class: 'radio' }, control, el('span', {}, text, hint && el('small', {}, hint)));
    });
    const group = el('fieldset', { class: `field radios ${about.class ?? ''}`, 'aria-describedby': error.id }, el('legend', {}, about.label), el('div', { class: 'choices' }, ...rows), error);
    this.#places.set(about.path, { control: group.querySelector('input') ?? group, error });
    return group;
  }

  /** Add a label to any control. @param {About} about @param {Control} control @param {...import('../dom.js').Child} beside */
  custom(about, control, ...beside) {
    return this.#field(about, control, ...beside);
  }

  /** Create the error element of a group of controls. @param {string} path @param {HTMLElement} control which gets the focus */
  group(path, control) {
    const error = this.#error();
    this.#places.set(path, { control, error });
    return error;
  }

  /** Remove the controls of a list that is redrawn. @param {string} stem */
  forget(stem) {
    for (const path of this.#places.keys()) if (path.startsWith(stem)) this.#places.delete(path);
  }

  clear() {
    for (const place of this.#places.values()) show(place, '');
    this.summary.hidden = true;
  }

  /** Show an error at its field, or in the summary, and focus it. @param {string | null} path @param {string} text @param {boolean} [english] */
  showError(path, text, english = true) {
    const place = this.#nearest(path);
    if (place) {
      show(place, text, english);
      place.control.closest('details')?.setAttribute('open', '');
      place.control.focus();
      return;
    }
    setChildren(this.summary, english ? el('span', { lang: 'en', dir: 'ltr' }, text) : text);
    this.summary.hidden = false;
    this.summary.focus();
  }

  /** @param {string | null} path @returns {Place | null} */
  #nearest(path) {
    for (let name = path; name; name = name.replace(/(\.[^.[]+|\[\d+\]|^[^.[]+)$/, '')) {
      const place = this.#places.get(name);
      if (place && place.control.isConnected) return place;
    }
    return null;
  }

  #error() {
    return el('p', { class: 'error', id: uniqueId('error'), hidden: true });
  }

  /** @param {About} about @param {Control} control @param {...import('../dom.js').Child} beside */
  #field(about, control, ...beside) {
    const [hintId, error] = [uniqueId('hint'), this.#error()];
    control.id ||= uniqueId('control');
    control.setAttribute('aria-describedby', `${hintId} ${error.id}`);
    this.#places.set(about.path, { control, error });
    const label = el('label', { for: control.id }, about.label, about.optional && el('small', {}, ` ${t.optional}`));
    const hint = el('p', { class: 'hint', id: hintId, hidden: !about.hint }, about.hint);
    return el('div', { class: `field ${about.class ?? ''}` }, label, control, ...beside, hint, error);
  }
}

/** @param {Place} place @param {string} text @param {boolean} [english] */
function show({ control, error }, text, english = false) {
  setChildren(error, english ? el('span', { lang: 'en', dir: 'ltr' }, text) : text);
  error.hidden = !text;
  if (text) control.setAttribute('aria-invalid', 'true');
  else control.removeAttribute('aria-invalid');
}
