/**
 * Check for origins that are not allowed. The browser hides such responses from the page, so a blocked origin looks
 * like an unreachable service. A request in `no-cors` mode still shows whether the service is reachable.
 */

/**
 * Return true if the service is reachable, and log the setting that allows this origin.
 * @param {string} base
 * @param {string} poll
 */
export async function isOriginBlocked(base, poll) {
  try {
    await fetch(new URL('livez', base), { mode: 'no-cors', cache: 'no-store' });
  } catch {
    return false;
  }
  console.warn(
    `<live-poll poll="${poll}">: ${base} does not show this poll to pages of ${origin}. If there is such a poll, ` +
      'name the site in its "origins", or in POLLWIRE_ALLOWED_ORIGINS.',
  );
  return true;
}
