/**
 * JSON values in localStorage. Where that is forbidden (private windows, sandboxed frames) or full, values stay in
 * memory and last as long as the page.
 */

/** @type {Map<string, any>} */
const memory = new Map();

/** Return a stored value; null if there is none, or if it is not JSON. @param {string} key @returns {any} */
export function readItem(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '') ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

/** Store a value. @param {string} key @param {unknown} value */
export function writeItem(key, value) {
  memory.set(key, value);
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // the value stays in memory
  }
}

/** Remove a stored value. @param {string} key */
export function removeItem(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // without localStorage there is nothing to remove
  }
}
