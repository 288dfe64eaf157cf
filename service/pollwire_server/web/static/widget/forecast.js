/**
 * Ballot of forecasts: a probability for each outcome, which always sum to 100 %.
 *
 * Each outcome has a slider. Moving one divides the rest among the others, in proportion to what they have. Frames
 * never move a slider. Few polls are forecasts, so the widget loads this module on demand.
 */
import { apportion } from '../results/shares.js';
import { createElement, setText } from './dom.js';

export { styles } from './forecast_styles.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('./messages.js').WidgetTranslator} WidgetTranslator */

const STEPS = 1000; // tenths of a percent

/** Keys and the steps by which they move a slider: one percent, or ten. @type {Record<string, number>} */
const KEY_STEPS = { ArrowUp: 10, ArrowRight: 10, ArrowDown: -10, ArrowLeft: -10, PageUp: 100, PageDown: -100 };

class Slider {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    this.label = createElement('span', 'label');
    this.label.dir = 'auto';
    this.input = createElement('input', 'probability');
    this.input.type = 'range';
    this.input.max = String(STEPS);
    this.output = createElement('output', 'share');
    this.element = createElement('label', 'option', [this.label, this.input, this.output]);
    this.element.dataset.option = id;
  }
}

export class Forecast {
  /** @type {Slider[]} */
  #sliders = [];
  /** @type {WidgetTranslator | null} */
  #translator = null;

  constructor() {
    this.list = createElement('div', 'forecast');
    this.list.addEventListener('input', (event) => this.#onInput(event.target));
    this.list.addEventListener('keydown', (event) => this.#onKeyDown(event));
  }

  /** @param {Row[]} rows @param {import('./model.js').Poll} poll @param {WidgetTranslator} translator */
  update(rows, poll, translator) {
    this.#translator = translator;
    if (rows.length !== this.#sliders.length || rows.some(({ id }, index) => this.#sliders[index].id !== id)) {
      this.#sliders = rows.map(({ id }) => new Slider(id));
      this.list.replaceChildren(...this.#sliders.map(({ element }) => element));
      this.select();
    }
    for (const [index, { label }] of rows.entries()) {
      setText(this.#sliders[index].label, label);
      this.#sliders[index].label.lang = poll.lang ?? '';
    }
    this.#showValues();
  }

  /** The ids of the outcomes. All are part of a forecast. */
  get selected() {
    return this.#sliders.map(({ id }) => id);
  }

  /** The probability of each outcome. */
  get choice() {
    return Object.fromEntries(this.#sliders.map(({ id, input }) => [id, Number(input.value) / STEPS]));
  }

  /** Show a forecast; without one, equal probabilities. @param {unknown} [_ids] @param {unknown} [choice] */
  select(_ids, choice) {
    const known = choice && typeof choice === 'object' ? /** @type {Record<string, number>} */ (choice) : null;
    this.#setValues(this.#sliders, STEPS, (slider) => known?.[slider.id] ?? 1);
  }

  focusFirst() {
    this.#sliders[0]?.input.focus();
  }

  /** @param {EventTarget | null} target */
  #onInput(target) {
    const others = this.#sliders.filter(({ input }) => input !== target);
    if (others.length === this.#sliders.length) return;
    const isEmpty = others.every(({ input }) => input.value === '0');
    this.#setValues(others, STEPS - Number(/** @type {HTMLInputElement} */ (target).value), ({ input }) => (isEmpty ? 1 : Number(input.value)));
  }

  /** Move by whole percents; with Shift, by a tenth. @param {KeyboardEvent} event */
  #onKeyDown(event) {
    const step = KEY_STEPS[event.key];
    const slider = this.#sliders.find(({ input }) => input === event.target);
    if (!step || !slider) return;
    event.preventDefault();
    const isMirrored = event.key.endsWith('t') && getComputedStyle(slider.input).direction === 'rtl'; // ArrowLeft, ArrowRight
    slider.input.value = String(Number(slider.input.value) + (event.shiftKey ? Math.sign(step) : step) * (isMirrored ? -1 : 1));
    this.#onInput(slider.input);
  }

  /** Divide a total in proportion to the weights, by largest remainder. @param {Slider[]} sliders @param {number} total @param {(slider: Slider) => number} weightOf */
  #setValues(sliders, total, weightOf) {
    const values = apportion(sliders.map(weightOf), total);
    for (const [index, { input }] of sliders.entries()) {
      input.value = String(values[index]);
    }
    this.#showValues();
  }

  #showValues() {
    for (const { input, output } of this.#sliders) {
      const text = this.#translator?.percent(Number(input.value) / STEPS, 1) ?? '';
      setText(output, text);
      input.setAttribute('aria-valuetext', text);
    }
  }
}
