/**
 * Elements by name, class and part. Text only ever enters as text, so no label can become markup.
 */

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} [names] classes, which are also the parts that a page may style
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function make(name, names = '', children = []) {
  const element = document.createElement(name);
  if (names) {
    element.className = names;
    element.setAttribute('part', names);
  }
  element.append(...children);
  return element;
}

/** Sets the text if it differs, so that nothing is announced or repainted for nothing. @param {Node} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Writes the text, or takes the element out of sight where there is none. @param {HTMLElement} element @param {string | null} text */
export function writeOrHide(element, text) {
  element.hidden = !text;
  write(element, text ?? '');
}

/** Somebody's text within ours keeps its direction to itself (Unicode FSI ... PDI). @param {string} label */
export function isolated(label) {
  return `\u2068${label}\u2069`;
}
