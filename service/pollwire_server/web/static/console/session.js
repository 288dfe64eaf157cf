/**
 * Who is at the console: an API key, what it is called and what it may do.
 *
 * The key lives in this module alone. Only if the operator ticks so it is also put into the tab's
 * `sessionStorage`, which outlives a reload and ends with the tab. It is never in an address, a cookie or
 * `localStorage`, so nothing of the browser sends it by itself, and no other site's page can make it do so.
 */

/** @typedef {'polls:read' | 'polls:write' | 'votes:write' | 'keys:write'} Scope */

const PLACE = 'pollwire-console-key';

/** @type {{key: string, name: string, scopes: string[]} | null} */
let held = null;
/** @type {Set<(reason: string | null) => void>} */
const listeners = new Set();

export const session = {
  get key() {
    return held?.key ?? null;
  },
  get name() {
    return held?.name ?? '';
  },
  get isOpen() {
    return held !== null;
  },
  get scopes() {
    return held?.scopes ?? [];
  },
  /** @param {Scope} scope */
  may(scope) {
    return held?.scopes.includes(scope) ?? false;
  },
  /** @param {string} key @param {{name: string, scopes: string[]}} owner @param {boolean} keep in the tab, through reloads */
  begin(key, owner, keep) {
    held = { key, name: owner.name, scopes: owner.scopes };
    if (keep) stored((place) => place.setItem(PLACE, key));
    tell(null);
  },
  /** @param {string | null} [reason] why, where it was not the operator's wish */
  end(reason = null) {
    if (held === null) return;
    held = null;
    stored((place) => place.removeItem(PLACE));
    tell(reason);
  },
  /** The key that was kept in this tab, if one was. */
  remembered() {
    return stored((place) => place.getItem(PLACE)) ?? null;
  },
  forget() {
    stored((place) => place.removeItem(PLACE));
  },
  /** @param {(reason: string | null) => void} listener told when a session begins or ends */
  onChange(listener) {
    listeners.add(listener);
  },
};

/** @param {string | null} reason */
function tell(reason) {
  for (const listener of listeners) listener(reason);
}

/** Storage may be forbidden altogether; the console works without. @template Value @param {(place: Storage) => Value} use */
function stored(use) {
  try {
    return use(sessionStorage);
  } catch {
    return undefined;
  }
}
