/**
 * Session: the API key, its name and its scopes.
 *
 * The key stays in this module. If the operator chooses to stay signed in, it is also stored in the tab's
 * `sessionStorage`, which survives a reload and ends with the tab. It is never in a URL, a cookie or
 * `localStorage`, so the browser never sends it automatically, also not for another site's page.
 */

/** @typedef {'polls:read' | 'results:read' | 'polls:write' | 'polls:destroy' | 'votes:write' | 'audit:read' | 'keys:write' | 'issuers:write' | 'webhooks:write'} Scope */

const STORAGE_KEY = 'pollwire-console-key';

/** @type {{key: string, name: string, scopes: string[]} | null} */
let current = null;
/** @type {Set<(reason: string | null) => void>} */
const listeners = new Set();

export const session = {
  get key() {
    return current?.key ?? null;
  },
  get name() {
    return current?.name ?? '';
  },
  get isOpen() {
    return current !== null;
  },
  get scopes() {
    return current?.scopes ?? [];
  },
  /** @param {Scope[]} scopes */
  hasScopes(...scopes) {
    return scopes.every((scope) => current?.scopes.includes(scope) ?? false);
  },
  /** @param {string} key @param {{name: string, scopes: string[]}} owner @param {boolean} keep store it for reloads of the tab */
  begin(key, owner, keep) {
    current = { key, name: owner.name, scopes: owner.scopes };
    if (keep) withStorage((storage) => storage.setItem(STORAGE_KEY, key));
    notify(null);
  },
  /** @param {string | null} [reason] problem slug, if the service ended the session */
  end(reason = null) {
    if (current === null) return;
    current = null;
    withStorage((storage) => storage.removeItem(STORAGE_KEY));
    notify(reason);
  },
  /** Return the key stored in this tab, or null. */
  storedKey() {
    return withStorage((storage) => storage.getItem(STORAGE_KEY)) ?? null;
  },
  forget() {
    withStorage((storage) => storage.removeItem(STORAGE_KEY));
  },
  /** @param {(reason: string | null) => void} listener called when a session begins or ends */
  onChange(listener) {
    listeners.add(listener);
  },
};

/** @param {string | null} reason */
function notify(reason) {
  for (const listener of listeners) listener(reason);
}

/** Run `use` with the session storage, or return undefined where the browser forbids storage. @template Value @param {(storage: Storage) => Value} use */
function withStorage(use) {
  try {
    return use(sessionStorage);
  } catch {
    return undefined;
  }
}
