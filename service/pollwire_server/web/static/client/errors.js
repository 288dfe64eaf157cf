/**
 * The one error type of the client.
 */

/** A problem sent by the service (RFC 9457), or no response (`status` 0, `slug` `unreachable`). */
export class PollwireError extends Error {
  /**
   * @param {number} status
   * @param {string} slug the last part of the problem's type
   * @param {string} detail
   * @param {number | null} retryAfterMs delay that the service asks for
   * @param {Record<string, any>} facts all fields of the problem (`opens_at`, `choice`, `revision`, ...)
   */
  constructor(status, slug, detail, retryAfterMs = null, facts = {}) {
    super(detail);
    this.name = 'PollwireError';
    this.status = status;
    this.slug = slug;
    this.retryAfterMs = retryAfterMs;
    this.facts = facts;
  }

  /** True if the same request may succeed later. It is safe to send again. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Return the error for a missing response. @param {unknown} cause */
export function unreachableError(cause) {
  return new PollwireError(0, 'unreachable', `The polling service did not answer (${cause}).`);
}

/**
 * Return the error for a problem document.
 * @param {number} status
 * @param {any} document the body of the response, if it was JSON
 * @param {string | null} [retryAfter] the `Retry-After` header, in seconds
 */
export function errorFromProblem(status, document, retryAfter = null) {
  const type = document?.type === 'problem' ? document.problem : document?.type;
  const slug = typeof type === 'string' ? type.split('/').pop() || 'unknown' : 'unknown';
  const seconds = Number(retryAfter ?? document?.retry_after ?? NaN);
  const detail = document?.detail ?? document?.title ?? `The service answered ${status}.`;
  return new PollwireError(status, slug, detail, Number.isFinite(seconds) ? seconds * 1000 : null, document ?? {});
}
