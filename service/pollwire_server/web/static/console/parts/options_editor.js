/**
 * The options of a poll: written, ordered, added and taken away, by pointer or by keyboard alone.
 */
import { blankOption, idFor, namedOptions } from '../draft.js';
import { button, el, setChildren } from '../dom.js';
import { t } from '../i18n.js';
import { showToast } from './toast.js';

/** @typedef {import('../draft.js').Draft} Draft */
/** @typedef {import('../draft.js').OptionDraft} OptionDraft */

const FEWEST = 2;
const MAX_OPTIONS = 50;

export class OptionsEditor {
  #list = el('ol', { class: 'options-editor' });

  /** @param {Draft} draft @param {import('./fields.js').Fields} fields @param {() => void} changed */
  constructor(draft, fields, changed) {
    this.draft = draft;
    this.fields = fields;
    this.changed = changed;
    this.add = button(t.form.addOption, () => this.#append(), { class: 'button small' });
    this.error = fields.group('options', this.add);
    this.element = el('fieldset', { class: 'group' }, el('legend', {}, t.form.options), this.#list, this.error, this.add);
    this.#draw();
  }

  #draw() {
    this.fields.forget('options[');
    setChildren(this.#list, ...this.draft.options.map((option, index) => this.#row(option, index)));
    this.add.hidden = this.draft.options.length >= MAX_OPTIONS;
  }

  /** @param {OptionDraft} option @param {number} index */
  #row(option, index) {
    const name = option.label || t.form.optionOf(index + 1);
    const label = this.fields.text({ path: `options[${index}].label`, label: t.form.optionOf(index + 1), class: 'wide' }, option.label, (value) => {
      option.label = value;
      this.#updateId(option, index, id);
      this.changed();
    }, { maxlength: '200', dir: 'auto', class: 'option-label' });
    const id = el('input', { type: 'text', value: namedOptions(this.draft)[index].id, readonly: option.named && option.id !== '' && this.#isKept(option), spellcheck: 'false', dir: 'ltr' });
    id.addEventListener('input', () => {
      option.id = id.value;
      option.named = id.value !== '';
      this.changed();
    });
    const up = button('↑', () => this.#move(index, -1), { class: 'button icon', 'aria-label': t.form.up(name), disabled: index === 0 });
    const down = button('↓', () => this.#move(index, 1), { class: 'button icon', 'aria-label': t.form.down(name), disabled: index === this.draft.options.length - 1 });
    const away = button('×', () => this.#remove(index), { class: 'button icon', 'aria-label': t.form.removeOption(name), disabled: this.draft.options.length <= FEWEST });
    const more = el('details', { open: Boolean(option.image || option.capacity) }, el('summary', {}, t.form.details), el('div', { class: 'row' }, ...this.#details(option, index, id)));
    return el('li', {}, el('div', { class: 'option-line' }, label, el('div', { class: 'tools' }, up, down, away)), more);
  }

  /** @param {OptionDraft} option @param {number} index @param {HTMLInputElement} id */
  #details(option, index, id) {
    const setField = (/** @type {'image' | 'capacity'} */ name) => (/** @type {string} */ value) => {
      option[name] = value;
      this.changed();
    };
    const takesPlaces = this.draft.kind !== 'ranked';
    return [
      this.fields.custom({ path: `options[${index}].id`, label: t.form.optionId, hint: t.form.optionIdHint }, id),
      this.fields.text({ path: `options[${index}].image`, label: t.form.image, optional: true }, option.image, setField('image'), { inputmode: 'url', dir: 'ltr' }),
      takesPlaces && this.fields.text({ path: `options[${index}].capacity`, label: t.form.capacity, hint: t.form.capacityHint, optional: true }, option.capacity, setField('capacity'), { inputmode: 'numeric' }),
    ];
  }

  /** Ids that people have voted for stay. @param {OptionDraft} option */
  #isKept(option) {
    return this.draft.id !== '' && option.named && this.kept.has(option.id);
  }

  /** Ids of the stored options, which cannot be changed. */
  kept = new Set();

  /** @param {Iterable<string>} ids */
  keep(ids) {
    this.kept = new Set(ids);
    this.#draw();
  }

  /** Create the id field. The id follows the label until it is edited. @param {OptionDraft} option @param {number} index @param {HTMLInputElement} id */
  #updateId(option, index, id) {
    if (option.named) return;
    const others = namedOptions(this.draft).filter((_, place) => place !== index).map((other) => other.id);
    id.value = idFor(option.label, others, index + 1);
  }

  #append() {
    this.draft.options.push(blankOption());
    this.#draw();
    this.#focus(this.draft.options.length - 1, 'input.option-label');
    this.changed();
  }

  /** @param {number} index */
  #remove(index) {
    this.draft.options.splice(index, 1);
    this.#draw();
    this.#focus(Math.min(index, this.draft.options.length - 1), 'input.option-label');
    this.changed();
  }

  /** @param {number} index @param {-1 | 1} step */
  #move(index, step) {
    const [option] = this.draft.options.splice(index, 1);
    this.draft.options.splice(index + step, 0, option);
    this.#draw();
    const tools = this.#list.children[index + step].querySelectorAll('.tools button');
    const preferred = /** @type {HTMLButtonElement} */ (tools[step < 0 ? 0 : 1]);
    (preferred.disabled ? /** @type {HTMLButtonElement} */ (tools[step < 0 ? 1 : 0]) : preferred).focus();
    showToast(t.form.moved(option.label || t.form.optionOf(index + 1), index + step + 1));
    this.changed();
  }

  /** @param {number} index @param {string} selector */
  #focus(index, selector) {
    /** @type {HTMLElement | null} */ (this.#list.children[index]?.querySelector(selector))?.focus();
  }
}
