/**
 * HTTP client of the admin API. Every failure is an `ApiError`, and every request has a timeout.
 */
import { session } from './session.js';

/** Above the longest response time of the service, except for `long` requests. */
const TIMEOUT_MS = 15_000;
const LONG_TIMEOUT_MS = 120_000;

/** Base URL of the service. The console is directly below it. */
export const base = new URL('./', location.href);

/** Problem document (RFC 9457) as an error. Without a response, `status` is 0 and the slug `unreachable`. */
export class ApiError extends Error {
  /** @param {number} status @param {string} slug @param {string} detail @param {Record<string, any>} [facts] */
  constructor(status, slug, detail, facts = {}) {
    super(detail);
    this.status = status;
    this.slug = slug;
    this.facts = facts;
  }

  /** Return the path of the invalid field, such as `options[1].label`. @returns {string | null} */
  get field() {
    return typeof this.facts.field === 'string' ? this.facts.field : null;
  }
}

/**
 * @typedef {object} RequestOptions
 * @property {string} [method]
 * @property {unknown} [body]
 * @property {number} [version] expected version (`If-Match`)
 * @property {string} [key] used instead of the session's key
 * @property {boolean} [long] use the longer timeout
 *
 * @param {string} path relative to the service's URL
 * @param {RequestOptions} [options]
 * @returns {Promise<any>} the document, or null without a body
 * @throws {ApiError}
 */
export async function request(path, options = {}) {
  const response = await fetchResponse(path, options, AbortSignal.timeout(options.long ? LONG_TIMEOUT_MS : TIMEOUT_MS));
  if (response.status === 204) return null;
  const document = await response.json().catch(() => null);
  if (document === null) throw new ApiError(502, 'unreadable', `${response.status} ${response.statusText}`);
  return response.status === 202 ? { ...document, pending: true } : document;
}

/**
 * Return the response, for bodies that are streamed.
 * @param {string} path @param {RequestOptions} options @param {AbortSignal} [signal]
 * @throws {ApiError}
 */
export async function fetchResponse(path, { method = 'GET', body, version, key }, signal) {
  const bearer = key ?? session.key;
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json' };
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (version !== undefined) headers['If-Match'] = `"${version}"`;
  /** @type {Response} */
  let response;
  try {
    const sent = body === undefined ? undefined : JSON.stringify(body);
    response = await fetch(new URL(path, base), { method, headers, body: sent, signal, credentials: 'omit', cache: 'no-store' });
  } catch (error) {
    throw new ApiError(0, 'unreachable', String(error));
  }
  if (response.ok) return response;
  const error = await errorFrom(response);
  if (response.status === 401 && !key) session.end(error.slug);
  throw error;
}

/** @param {Response} response */
async function errorFrom(response) {
  const problem = await response.json().catch(() => ({}));
  const slug = typeof problem.type === 'string' ? problem.type.split('/').pop() : 'unknown';
  return new ApiError(response.status, slug, problem.detail ?? problem.title ?? `${response.status}`, problem);
}

/** Return the path of a poll in the admin API. @param {string} id @param {string} [part] */
export function pollPath(id, part = '') {
  return `v1/admin/polls/${encodeURIComponent(id)}${part && `/${part}`}`;
}

/** @param {string} path @param {Record<string, string | number | null | undefined>} query */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return given.length ? `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : path;
}
