/**
 * DOM helpers. Text is always inserted as text: no module of the console parses markup.
 */

/** @typedef {Node | string | number | null | undefined | false} Child */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Record<string, any>} [props] a function becomes a listener; other values a property or an attribute
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function el(name, props = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) set(element, key, value);
  fill(element, ...children);
  return element;
}

/** @param {string} name @param {Record<string, string | number>} [attributes] @param {...Child} children */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  fill(element, ...children);
  return element;
}

/** @param {HTMLElement} element @param {string} key @param {any} value */
function set(element, key, value) {
  if (value === undefined || value === null) return;
  if (typeof value === 'function') element.addEventListener(key, value);
  else if (key === 'class') element.className = value;
  else if (key === 'value' || key === 'checked') /** @type {any} */ (element)[key] = value;
  else if (typeof value === 'boolean') element.toggleAttribute(key, value);
  else element.setAttribute(key, String(value));
}

/** @param {Element} element @param {...Child} children */
function fill(element, ...children) {
  const shown = children.filter((child) => child !== null && child !== undefined && child !== false);
  element.append(...shown.map((child) => (child instanceof Node ? child : String(child))));
}

/** Replace the children of the element. @param {Element} element @param {...Child} children */
export function setChildren(element, ...children) {
  element.replaceChildren();
  fill(element, ...children);
}

/** Set the text only if it differs, which avoids repaints and announcements. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Return an element for text of unknown language and direction. @param {string} text @param {string | null} [lang] */
export function isolated(text, lang) {
  return el('bdi', lang ? { lang } : {}, text);
}

/** @param {string} text @param {(event: Event) => void} click @param {Record<string, any>} [props] */
export function button(text, click, props = {}) {
  return el('button', { type: 'button', class: 'button', click, ...props }, text);
}

let numbered = 0;

/** Return an id that is unique on the page. @param {string} stem */
export function uniqueId(stem) {
  numbered += 1;
  return `${stem}-${numbered}`;
}
