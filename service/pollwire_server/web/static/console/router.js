/**
 * Hash router: `#/`, `#/polls/<id>`, `#/polls/<id>/edit`, `#/keys` and so on.
 *
 * The browser never sends the part after `#`. It contains only ids and filters.
 */

/** @typedef {{path: string[], query: URLSearchParams}} Route */

/** @returns {Route} */
export function currentRoute() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  return { path: path.split('/').filter(Boolean).map(decoded), query: new URLSearchParams(query ?? '') };
}

/** @param {string[]} path @param {Record<string, string | null | undefined>} [query] */
export function hashOf(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search && `?${search}`}`;
}

/** @param {string[]} path @param {Record<string, string | null | undefined>} [query] */
export function go(path, query) {
  location.hash = hashOf(path, query);
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
