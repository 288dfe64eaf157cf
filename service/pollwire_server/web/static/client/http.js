/**
 * One request to the service: JSON in, JSON out, every failure a `PollwireError`, never a hang.
 */
import { PollwireError, refusal, unreachable } from './errors.js';

/** Longer than the service ever takes (it answers 503 within a second), short enough that a dead line is noticed. */
const PATIENCE_MS = 8000;

/**
 * @param {string} base the service's address, ending in a slash
 * @param {string} path relative to it
 * @param {{method?: string, body?: unknown, token?: string | null, headers?: Record<string, string>}} [request]
 * @returns {Promise<any>}
 * @throws {PollwireError}
 */
export function ask(base, path, { method = 'GET', body, token, headers = {} } = {}) {
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
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    const response = await fetch(url, { ...init, signal: patience.signal });
    const document = await response.json().catch(() => null);
    if (response.ok && document !== null) return document;
    throw refusal(response.ok ? 502 : response.status, document, response.headers.get('Retry-After'));
  } catch (error) {
    throw error instanceof PollwireError ? error : unreachable(error);
  } finally {
    clearTimeout(timer);
  }
}
