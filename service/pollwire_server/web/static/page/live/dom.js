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
export function draw(name, attributes = {}, children = []) {
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
 * @param {string[]} heads
 * @param {string[][]} rows
 */
export function table(caption, heads, rows) {
  const head = createElement('tr', '', heads.map((text) => {
    const cell = createElement('th', '', [text]);
    cell.scope = 'col';
    return cell;
  }));
  const body = rows.map(([first, ...rest]) => {
    const name = createElement('th', '', [createElement('bdi', '', [first])]);
    name.scope = 'row';
    return createElement('tr', '', [name, ...rest.map((text) => createElement('td', '', [text]))]);
  });
  return createElement('table', '', [createElement('caption', 'unseen', [caption]), createElement('thead', '', [head]), createElement('tbody', '', body)]);
}

/**
 * Throttle a function: the first call runs at once, later ones at most every `everyMs`, the last one always.
 * @param {number} everyMs
 * @param {() => void} act
 */
export function rarely(everyMs, act) {
  let at = -Infinity;
  let waits = false;
  const run = () => {
    waits = false;
    at = performance.now();
    act();
  };
  return () => {
    if (waits) return;
    const leftMs = at + everyMs - performance.now();
    if (leftMs <= 0) return run();
    waits = true;
    setTimeout(run, leftMs);
  };
}

/**
 * Read JSON from the service, with the reader's cookie.
 * @param {string} path below `/v1/`
 * @returns {Promise<{status: number, document: any}>} status 0 without a response
 */
export async function read(path) {
  try {
    const answer = await fetch(new URL(`../v1/${path}`, location.href), { headers: { Accept: 'application/json' } });
    return { status: answer.status, document: await answer.json() };
  } catch {
    return { status: 0, document: null };
  }
}
