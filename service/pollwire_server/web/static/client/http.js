/**
 * HTTP requests to the service: JSON in, JSON out. Every failure is a `PollwireError`.
 */
import { errorFromProblem, PollwireError, unreachableError } from './errors.js';

/** The service answers 503 within a second, so a longer wait means a dead connection. */
const TIMEOUT_MS = 8000;

/**
 * Send a request and return the JSON of the response.
 * @param {string} base the service's URL, ending in a slash
 * @param {string} path relative to `base`
 * @param {{method?: string, body?: unknown, token?: string | null, headers?: Record<string, string>}} [init]
 * @returns {Promise<any>}
 * @throws {PollwireError}
 */
export function request(base, path, { method = 'GET', body, token, headers = {} } = {}) {
  return send(new URL(path, base), {
    method,
    headers: {
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(token ? { Authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

/**
 * @param {URL} url
 * @param {RequestInit} init
 */
async function send(url, init) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(url, { ...init, signal: controller.signal });
    const document = await response.json().catch(() => null);
    if (response.ok && document !== null) return document;
    throw errorFromProblem(response.ok ? 502 : response.status, document, response.headers.get('Retry-After'));
  } catch (error) {
    throw error instanceof PollwireError ? error : unreachableError(error);
  } finally {
    clearTimeout(timer);
  }
}
