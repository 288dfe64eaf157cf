/**
 * DOM functions, throttling and HTTP reads for the parts of the live page.
 */

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {string} [className]
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function createElement(name, className = '', children = []) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} [attributes]
 * @param {(Node | string)[]} [children]
 * @returns {SVGElement}
 */
export function createSvgElement(name, attributes = {}, children = []) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

/** Set the text if it differs, to avoid needless layout. @param {Node} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set the text, or hide the element if there is none. @param {HTMLElement} element @param {string | null} text */
export function setTextOrHide(element, text) {
  element.hidden = !text;
  setText(element, text ?? '');
}

/**
 * Create a table. The first cell of each row is its header.
 * @param {string} caption
 * @param {string[]} headers
 * @param {string[][]} rows
 */
export function createTable(caption, headers, rows) {
  const head = createElement('tr', '', headers.map((text) => {
    const cell = createElement('th', '', [text]);
    cell.scope = 'col';
    return cell;
  }));
  const body = rows.map(([first, ...rest]) => {
    const header = createElement('th', '', [createElement('bdi', '', [first])]);
    header.scope = 'row';
    return createElement('tr', '', [header, ...rest.map((text) => createElement('td', '', [text]))]);
  });
  return createElement('table', '', [createElement('caption', 'visually-hidden', [caption]), createElement('thead', '', [head]), createElement('tbody', '', body)]);
}

/**
 * Throttle a function: the first call runs at once, later ones at most every `everyMs`, the last one always.
 * @param {number} everyMs
 * @param {() => void} callback
 */
export function throttle(everyMs, callback) {
  let lastRunMs = -Infinity;
  let isScheduled = false;
  const run = () => {
    isScheduled = false;
    lastRunMs = performance.now();
    callback();
  };
  return () => {
    if (isScheduled) return;
    const remainingMs = lastRunMs + everyMs - performance.now();
    if (remainingMs <= 0) return run();
    isScheduled = true;
    setTimeout(run, remainingMs);
  };
}

/**
 * Read JSON from the service, with the reader's cookie.
 * @param {string} path below `/v1/`
 * @returns {Promise<{status: number, document: any}>} status 0 without a response
 */
export async function fetchJson(path) {
  try {
    const response = await fetch(new URL(`../v1/${path}`, location.href), { headers: { Accept: 'application/json' } });
    return { status: response.status, document: await response.json() };
  } catch {
    return { status: 0, document: null };
  }
}
