/**
 * Form of a poll: question, kind, options, schedule and voting rules. It writes into a draft and reports
 * that it did; sending is its owner's business.
 */
import { el, setChildren } from '../dom.js';
import { t } from '../i18n.js';
import { Fields } from './fields.js';
import { OptionsEditor } from './options_editor.js';
import { embeddingFields, policyFields } from './policy_fields.js';
import { windowFields } from './window_fields.js';

/** @typedef {import('../draft.js').Draft} Draft */

export class PollForm {
  fields = new Fields();

  /**
   * @param {Draft} draft written into
   * @param {{isNew: boolean, kept: string[], issuers: string[] | null, changed: () => void, submit: () => void}} about
   */
  constructor(draft, { isNew, kept, issuers, changed, submit }) {
    this.draft = draft;
    this.changed = changed;
    const { fields } = this;
    this.#isNew = isNew;
    const onChange = () => {
      this.#updateVisibility();
      changed();
    };
    this.options = new OptionsEditor(draft, fields, onChange);
    this.options.keep(kept);
    this.#kindPart = el('div', {});
    this.#window = windowFields(draft, fields, onChange);
    this.#policy = policyFields(draft, fields, onChange, issuers);
    this.submit = el('button', { class: 'button primary' }, isNew ? t.form.create : t.save);
    this.buttons = el('div', { class: 'buttons sticky' }, this.submit);
    this.element = el('form', { class: 'poll-form', novalidate: true }, fields.summary, this.#question(isNew, onChange), this.options.element, this.#kindPart, this.#window.element, this.#policy.element, embeddingFields(draft, fields, onChange), this.buttons);
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      submit();
    });
    this.#drawKindPart(onChange);
    this.#updateVisibility();
  }

  #isNew = true;

  /** @type {HTMLElement} */
  #kindPart;
  /** @type {{element: HTMLElement, update: () => void}} */
  #window;
  /** @type {{element: HTMLElement, update: () => void}} */
  #policy;
  #kind = '';

  /** @param {boolean} isNew @param {() => void} onChange */
  #question(isNew, onChange) {
    const { draft, fields } = this;
    const setField = (/** @type {'question' | 'description' | 'id'} */ name) => (/** @type {string} */ value) => {
      draft[name] = value;
      onChange();
    };
    const kind = fields.radios({ path: 'kind', label: t.form.kind, class: 'kinds' }, draft.kind, Object.entries(t.kinds).map(([name, text]) => [name, text, t.kindHints[name]]), (value) => {
      draft.kind = value;
      this.#drawKindPart(onChange);
      this.options.keep(this.options.kept);
      onChange();
    });
    const id = isNew && fields.text({ path: 'id', label: t.form.id, hint: t.form.idHint, optional: true }, draft.id, setField('id'), { dir: 'ltr', spellcheck: 'false', maxlength: '64' });
    return el('fieldset', { class: 'group' }, el('legend', {}, t.form.questionSection), kind,
      fields.longText({ path: 'question', label: t.form.question }, draft.question, setField('question'), { maxlength: '300', dir: 'auto', rows: '2' }),
      fields.longText({ path: 'description', label: t.form.description, optional: true }, draft.description, setField('description'), { maxlength: '2000', dir: 'auto', rows: '2' }), id);
  }

  /** Draw the fields that only some kinds have. @param {() => void} onChange */
  #drawKindPart(onChange) {
    const { draft, fields } = this;
    if (this.#kind === draft.kind) return;
    this.#kind = draft.kind;
    for (const stem of ['choices', 'scale', 'forecast', 'ordered', 'series']) fields.forget(stem);
    this.#kindPart.hidden = !['multiple', 'rating', 'prediction'].includes(draft.kind);
    if (draft.kind === 'multiple') setChildren(this.#kindPart, this.#bounds('choices', draft.choices, [t.form.choices, t.form.minimum, t.form.maximum], t.form.all, onChange));
    else if (draft.kind === 'rating') setChildren(this.#kindPart, this.#bounds('scale', draft.scale, [t.form.scale, t.form.from, t.form.to], '', onChange));
    else if (draft.kind === 'prediction') setChildren(this.#kindPart, this.#prediction(onChange));
    else setChildren(this.#kindPart);
  }

  /** @param {string} path @param {{min: string, max: string}} bounds @param {string[]} texts legend, least, most @param {string} placeholder @param {() => void} onChange */
  #bounds(path, bounds, [legend, least, most], placeholder, onChange) {
    const setField = (/** @type {'min' | 'max'} */ end) => (/** @type {string} */ value) => {
      bounds[end] = value;
      onChange();
    };
    const number = { type: 'number', min: '0', max: '50', step: '1', inputmode: 'numeric' };
    const min = this.fields.text({ path: `${path}.min`, label: least }, bounds.min, setField('min'), number);
    const max = this.fields.text({ path: `${path}.max`, label: most }, bounds.max, setField('max'), { ...number, placeholder });
    const error = this.fields.group(path, /** @type {HTMLElement} */ (min.querySelector('input')));
    return el('fieldset', { class: 'group' }, el('legend', {}, legend), el('div', { class: 'row short' }, min, max), error);
  }

  /** @param {() => void} onChange */
  #prediction(onChange) {
    const { draft, fields } = this;
    const series = fields.text({ path: 'series', label: t.form.series, hint: t.form.seriesHint, optional: true }, draft.series, (value) => {
      draft.series = value;
      onChange();
    }, { dir: 'ltr', spellcheck: 'false', maxlength: '64', readonly: !this.#isNew });
    const ordered = fields.tick({ path: 'ordered', label: t.form.ordered, hint: t.form.orderedHint }, draft.ordered, (value) => {
      draft.ordered = value;
      onChange();
    });
    const forecast = fields.tick({ path: 'forecast', label: t.form.forecast, hint: t.form.forecastHint }, draft.forecast, (value) => {
      draft.forecast = value;
      ordered.hidden = !value;
      onChange();
    });
    ordered.hidden = !draft.forecast;
    return el('fieldset', { class: 'group' }, el('legend', {}, t.kinds.prediction), forecast, ordered, series);
  }

  #updateVisibility() {
    this.options.element.hidden = this.draft.kind === 'rating';
    this.#window.update();
    this.#policy.update();
  }
}
