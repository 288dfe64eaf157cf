/**
 * The operators' API: JSON in, JSON out, every failure a `Refusal` with its field, and never a hang.
 */
import { session } from './session.js';

/** Longer than the service ever takes for these routes, but a recount. */
const PATIENCE_MS = 15_000;
const LONG_MS = 120_000;

/** Where the service is: the console lies directly below it. */
export const base = new URL('./', location.href);

/** What was refused, and why (RFC 9457); `status` 0 and slug `unreachable` where nothing answered. */
export class Refusal extends Error {
  /** @param {number} status @param {string} slug @param {string} detail @param {Record<string, any>} [facts] */
  constructor(status, slug, detail, facts = {}) {
    super(detail);
    this.status = status;
    this.slug = slug;
    this.facts = facts;
  }

  /** The path of what is wrong in what was sent, such as `options[1].label`. @returns {string | null} */
  get field() {
    return typeof this.facts.field === 'string' ? this.facts.field : null;
  }
}

/**
 * @typedef {object} Question
 * @property {string} [method]
 * @property {unknown} [body]
 * @property {number} [version] act only on this version (`If-Match`)
 * @property {string} [key] instead of the session's
 * @property {boolean} [long] takes its time
 *
 * @param {string} path below the service's address
 * @param {Question} [question]
 * @returns {Promise<any>} the document; null where the answer has none
 * @throws {Refusal}
 */
export async function ask(path, question = {}) {
  const response = await answered(path, question, AbortSignal.timeout(question.long ? LONG_MS : PATIENCE_MS));
  if (response.status === 204) return null;
  const document = await response.json().catch(() => null);
  if (document === null) throw new Refusal(502, 'unreadable', `${response.status} ${response.statusText}`);
  return response.status === 202 ? { ...document, pending: true } : document;
}

/**
 * The response itself, for what is read piece by piece.
 * @param {string} path @param {Question} question @param {AbortSignal} [signal]
 * @throws {Refusal}
 */
export async function answered(path, { method = 'GET', body, version, key }, signal) {
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
    throw new Refusal(0, 'unreachable', String(error));
  }
  if (response.ok) return response;
  const refusal = await refusalOf(response);
  if (response.status === 401 && !key) session.end(refusal.slug);
  throw refusal;
}

/** @param {Response} response */
async function refusalOf(response) {
  const problem = await response.json().catch(() => ({}));
  const slug = typeof problem.type === 'string' ? problem.type.split('/').pop() : 'unknown';
  return new Refusal(response.status, slug, problem.detail ?? problem.title ?? `${response.status}`, problem);
}

/** A poll's own address below the operators' door. @param {string} id @param {string} [part] */
export function pollPath(id, part = '') {
  return `v1/admin/polls/${encodeURIComponent(id)}${part && `/${part}`}`;
}

/** @param {string} path @param {Record<string, string | number | null | undefined>} query */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return given.length ? `${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : path;
}
