/**
 * What can go wrong between a page and the service, as one error that says whether trying again makes sense.
 */

/** A refusal by the service (RFC 9457), or no answer at all (`status` 0, slug `unreachable`). */
export class PollwireError extends Error {
  /**
   * @param {number} status
   * @param {string} slug the last part of the problem's type
   * @param {string} detail
   * @param {number | null} retryAfterMs what the service asks us to wait
   * @param {Record<string, any>} facts what else the problem says (`opens_at`, `choice`, `revision`, ...)
   */
  constructor(status, slug, detail, retryAfterMs = null, facts = {}) {
    super(detail);
    this.name = 'PollwireError';
    this.status = status;
    this.slug = slug;
    this.retryAfterMs = retryAfterMs;
    this.facts = facts;
  }

  /** Whether the same request may succeed later, and is safe to send again. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** @param {unknown} cause */
export function unreachable(cause) {
  return new PollwireError(0, 'unreachable', `The polling service did not answer (${cause}).`);
}

/**
 * @param {number} status
 * @param {any} document the problem as it was sent, if it was one
 * @param {string | null} [retryAfter] the header of that name, in seconds
 */
export function refusal(status, document, retryAfter = null) {
  const type = document?.type === 'problem' ? document.problem : document?.type;
  const slug = typeof type === 'string' ? type.split('/').pop() || 'unknown' : 'unknown';
  const seconds = Number(retryAfter ?? document?.retry_after ?? NaN);
  const detail = document?.detail ?? document?.title ?? `The service answered ${status}.`;
  return new PollwireError(status, slug, detail, Number.isFinite(seconds) ? seconds * 1000 : null, document ?? {});
}
