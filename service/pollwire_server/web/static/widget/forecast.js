/**
 * Forecasts: the ballot with a probability for each outcome, and the crowd in the rows of results.
 *
 * Each outcome has a slider and a number field. Moving one divides the rest among the unlocked others, in proportion
 * to what they have, so the sum is always 100 %. Frames never move a slider. Few polls are forecasts, so the widget
 * loads this module on demand.
 */
import { forecasts } from '../i18n/widget/en_on_demand.js';
import { apportion } from '../results/shares.js';
import { bidiIsolate, createElement, setText, setTextOrHide } from './dom.js';

export { styles } from './forecast_styles.js';

/** @typedef {import('./model.js').Row} Row */
/** @typedef {import('./model.js').State} State */
/** @typedef {import('./messages.js').WidgetTranslator} WidgetTranslator */
/** @typedef {import('../i18n/i18n.js').Translator<typeof import('../i18n/widget/en.js').default & typeof forecasts>} ForecastTranslator */

const STEPS = 1000; // tenths of a percent
const MIN_LOCKABLE = 3; // with two outcomes a lock would fix both
const FLOOR = 0.001; // of scores (docs/api/predictions.md)
/** @type {Intl.NumberFormatOptions} */
const POINTS = { maximumFractionDigits: 0, signDisplay: 'exceptZero' };

/** Keys and the steps by which they move a slider: one percent, or ten. @type {Record<string, number>} */
const KEY_STEPS = { ArrowUp: 10, ArrowRight: 10, ArrowDown: -10, ArrowLeft: -10, PageUp: 100, PageDown: -100 };

const PROBABILITY = /^(\d*[.,]?\d+)\s*(?:(%)|:\s*(\d*[.,]?\d+)|\s+in\s+(\d+))?$/i;

/** Parse `70`, `70%`, `.7`, `7:3` or `1 in 200` to a probability; null for other texts. @param {string} text */
export function parseProbability(text) {
  const found = PROBABILITY.exec(text.trim());
  if (!found) return null;
  const [value, against, of] = [found[1], found[3], found[4]].map((part) => Number((part ?? '').replace(',', '.')));
  const isShare = !found[2] && /[.,]/.test(found[1]) && value <= 1;
  const probability = against ? value / (value + against) : of ? value / of : isShare ? value : value / 100;
  return probability >= 0 && probability <= 1 ? probability : null;
}

/** Return the probabilities that scores use: at least `FLOOR`, in sum 1. @param {number[]} values */
export function applyFloor(values) {
  let floored = 0;
  let scale = 1;
  for (;;) {
    const above = values.filter((value) => value / scale >= FLOOR);
    floored = values.length - above.length;
    const next = above.reduce((left, right) => left + right, 0) / (1 - FLOOR * floored);
    if (Math.abs(next - scale) < 1e-12) return values.map((value) => Math.max(FLOOR, value / scale));
    scale = next;
  }
}

class Slider {
  /** @param {string} id @param {boolean} isLockable */
  constructor(id, isLockable) {
    this.id = id;
    this.label = createElement('span', 'label');
    this.label.dir = 'auto';
    this.input = createElement('input', 'probability');
    this.input.type = 'range';
    this.input.max = String(STEPS);
    this.number = createElement('input', 'number');
    this.number.inputMode = 'decimal';
    this.lock = createElement('input', 'lock');
    this.lock.type = 'checkbox';
    this.lock.hidden = !isLockable;
    this.payoff = createElement('span', 'payoff');
    const end = createElement('span', 'numbers', [this.lock, this.number]);
    this.element = createElement('div', 'option', [this.label, end, this.input, this.payoff]);
    this.element.dataset.option = id;
  }

  get value() {
    return Number(this.input.value);
  }
}

export class Forecast {
  /** @type {Slider[]} */
  #sliders = [];
  /** @type {ForecastTranslator | null} */
  #translator = null;
  /** @type {import('./model.js').State['results']} */
  #results = null;
  /** The number field with text that is not confirmed yet; live results do not overwrite it. @type {HTMLInputElement | null} */
  #edited = null;

  constructor() {
    this.list = createElement('div', 'forecast');
    this.list.addEventListener('input', (event) => this.#onInput(event.target));
    this.list.addEventListener('change', (event) => this.#onNumber(event.target));
    this.list.addEventListener('keydown', (event) => this.#onKeyDown(event));
  }

  /** @param {Row[]} rows @param {import('./model.js').Poll} poll @param {WidgetTranslator} translator @param {State} [state] */
  update(rows, poll, translator, state) {
    const texts = this.#extended(translator);
    this.#results = state?.results ?? null;
    if (rows.length !== this.#sliders.length || rows.some(({ id }, index) => this.#sliders[index].id !== id)) {
      this.#sliders = rows.map(({ id }) => new Slider(id, rows.length >= MIN_LOCKABLE));
      this.list.replaceChildren(...this.#sliders.map(({ element }) => element));
      this.select();
    }
    for (const [index, { label }] of rows.entries()) {
      const slider = this.#sliders[index];
      setText(slider.label, label);
      slider.label.lang = poll.lang ?? '';
      slider.input.setAttribute('aria-label', label);
      slider.number.setAttribute('aria-label', texts.t('forecastPercentOf', { label }));
      slider.lock.title = texts.t('forecastLock', { label });
      slider.lock.setAttribute('aria-label', slider.lock.title);
    }
    this.#showValues();
  }

  /** Show the quartiles of the crowd in the rows of results. @param {HTMLElement} list @param {State} state @param {WidgetTranslator} translator */
  showCrowd(list, { results }, translator) {
    const texts = this.#extended(translator);
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (list.querySelectorAll('.option'))) {
      const spread = results?.spread?.[row.dataset.option ?? ''];
      setTextOrHide(partOf(row, 'crowd'), spread ? texts.t('forecastCrowd', quartiles(texts, spread)) : null);
      const track = row.querySelector('.track');
      if (track) showBand(track, spread);
    }
  }

  /** Return the translator with the texts of forecasts. @param {WidgetTranslator} translator */
  #extended(translator) {
    if (this.#translator !== /** @type {any} */ (translator)) this.#translator = translator.extend(forecasts);
    return /** @type {ForecastTranslator} */ (this.#translator);
  }

  /** The ids of the outcomes. All are part of a forecast. */
  get selected() {
    return this.#sliders.map(({ id }) => id);
  }

  /** The probability of each outcome. */
  get choice() {
    return Object.fromEntries(this.#sliders.map(({ id, value }) => [id, value / STEPS]));
  }

  /** Show a forecast; without one, equal probabilities. @param {unknown} [_ids] @param {unknown} [choice] */
  select(_ids, choice) {
    const known = choice && typeof choice === 'object' ? /** @type {Record<string, number>} */ (choice) : null;
    for (const { lock } of this.#sliders) lock.checked = false;
    this.#setValues(this.#sliders, STEPS, (slider) => known?.[slider.id] ?? 1);
  }

  focusFirst() {
    this.#sliders[0]?.input.focus();
  }

  /** @param {EventTarget | null} target */
  #onInput(target) {
    this.#edited = this.#sliders.find(({ number }) => number === target)?.number ?? null;
    const moved = this.#sliders.find(({ input }) => input === target);
    if (moved) this.#move(moved, moved.value);
  }

  /** Set one probability, and divide the rest among the unlocked others. @param {Slider} moved @param {number} value */
  #move(moved, value) {
    const others = this.#sliders.filter((slider) => slider !== moved && !slider.lock.checked);
    const locked = this.#sliders.filter((slider) => slider !== moved && slider.lock.checked);
    const free = STEPS - locked.reduce((sum, slider) => sum + slider.value, 0);
    const own = others.length ? Math.max(0, Math.min(value, free)) : free;
    moved.input.value = String(own);
    const isEmpty = others.every((slider) => slider.value === 0);
    this.#setValues(others, free - own, (slider) => (isEmpty ? 1 : slider.value));
  }

  /** @param {EventTarget | null} target */
  #onNumber(target) {
    const slider = this.#sliders.find(({ number }) => number === target);
    if (!slider || !this.#translator) return;
    const probability = parseProbability(slider.number.value);
    slider.number.setCustomValidity(probability === null ? this.#translator.t('forecastInvalid') : '');
    if (probability === null) return slider.number.reportValidity();
    this.#edited = null;
    this.#move(slider, Math.round(probability * STEPS));
  }

  /** Move by whole percents; with Shift, by a tenth. @param {KeyboardEvent} event */
  #onKeyDown(event) {
    const number = this.#sliders.find((slider) => slider.number === event.target);
    if (number && event.key === 'Enter') {
      event.preventDefault(); // it confirms the number, and does not send the ballot
      return this.#onNumber(event.target);
    }
    const step = KEY_STEPS[event.key];
    const slider = this.#sliders.find(({ input }) => input === event.target);
    if (!step || !slider) return;
    event.preventDefault();
    const isMirrored = event.key.endsWith('t') && getComputedStyle(slider.input).direction === 'rtl'; // ArrowLeft, ArrowRight
    this.#move(slider, slider.value + (event.shiftKey ? Math.sign(step) : step) * (isMirrored ? -1 : 1));
  }

  /** Divide a total in proportion to the weights, by largest remainder. @param {Slider[]} sliders @param {number} total @param {(slider: Slider) => number} weightOf */
  #setValues(sliders, total, weightOf) {
    const values = sliders.length ? apportion(sliders.map(weightOf), total) : [];
    for (const [index, { input }] of sliders.entries()) {
      input.value = String(values[index]);
    }
    this.#showValues();
  }

  #showValues() {
    const translator = this.#translator;
    if (!translator) return;
    const floored = applyFloor(this.#sliders.map(({ value }) => value / STEPS));
    for (const [index, { id, input, number, payoff, value }] of this.#sliders.entries()) {
      const text = percent(translator, value / STEPS);
      if (number !== this.#edited) number.value = text;
      input.setAttribute('aria-valuetext', text);
      setText(payoff, this.#payoffText(translator, Math.log(floored[index]), this.#results?.mean_log?.[id]));
    }
  }

  /** Return the score if the outcome comes true. @param {ForecastTranslator} texts @param {number} logValue @param {number | undefined} meanLog of the crowd; hidden without */
  #payoffText(texts, logValue, meanLog) {
    const points = (/** @type {number} */ value) => bidiIsolate(texts.number(value, POINTS));
    const text = texts.t('forecastPayoff', { points: points(100 * (1 + logValue / Math.log(this.#sliders.length))) });
    return meanLog === undefined ? text : `${text} (${texts.t('forecastVersusCrowd', { points: points(100 * (logValue - meanLog)) })})`;
  }
}

/** @param {ForecastTranslator} texts @param {number} probability */
function percent(texts, probability) {
  return texts.percent(probability, 1);
}

/** @param {ForecastTranslator} texts @param {{low: number, median: number, high: number}} spread */
function quartiles(texts, { low, median, high }) {
  return { low: percent(texts, low), median: percent(texts, median), high: percent(texts, high) };
}

/** Return the part of an element with this name. @param {Element} element @param {string} name @returns {HTMLElement} */
function partOf(element, name) {
  const known = element.querySelector(`.${name}`);
  if (known) return /** @type {HTMLElement} */ (known);
  const part = createElement('span', name);
  element.append(part);
  return part;
}

/** Draw the band from the lower to the upper quartile, and the median, over the bar. @param {Element} track @param {{low: number, median: number, high: number} | undefined} spread */
function showBand(track, spread) {
  const [band, median] = [partOf(track, 'band'), partOf(track, 'median')];
  band.hidden = median.hidden = !spread;
  if (!spread) return;
  band.style.insetInlineStart = `${spread.low * 100}%`;
  band.style.inlineSize = `${(spread.high - spread.low) * 100}%`;
  median.style.insetInlineStart = `${spread.median * 100}%`;
}
