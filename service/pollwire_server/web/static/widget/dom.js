/**
 * DOM functions of the widget. Text is only inserted as text nodes, so a label cannot inject markup.
 */

/**
 * Create an element.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} [names] classes, which are also its `part` names for styling by the page
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function createElement(name, names = '', children = []) {
  const element = document.createElement(name);
  if (names) {
    element.className = names;
    element.setAttribute('part', names);
  }
  element.append(...children);
  return element;
}

/** Set the text if it differs, to avoid needless announcements and repaints. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set the text, or hide the element if there is none. @param {HTMLElement} element @param {string | null} text */
export function setTextOrHide(element, text) {
  element.hidden = !text;
  setText(element, text ?? '');
}

/** Isolate the text direction of an inserted label (Unicode FSI ... PDI). @param {string} label */
export function bidiIsolate(label) {
  return `\u2068${label}\u2069`;
}
