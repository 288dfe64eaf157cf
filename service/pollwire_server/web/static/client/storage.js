/**
 * What this browser remembers of the reader: in localStorage, and in memory where that is forbidden (private
 * windows, sandboxed frames) or full; then it lasts as long as the page.
 */

/** @type {Map<string, any>} */
const memory = new Map();

/** @param {string} key @returns {any} null for nothing, and for what somebody else wrote there */
export function kept(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '') ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

/** @param {string} key @param {unknown} value */
export function keep(key, value) {
  memory.set(key, value);
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // memory has it
  }
}

/** @param {string} key */
export function drop(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // it was never there
  }
}
