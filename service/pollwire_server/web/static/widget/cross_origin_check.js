/**
 * Why a page of another site may not read a poll. A browser hides the answer from such a page, so that "refused"
 * looks like "away"; that the service is there at all can be seen all the same, without seeing what it says.
 */

/**
 * Whether the service is there, and only does not show this poll here; told to whoever builds the page.
 * @param {string} base
 * @param {string} poll
 */
export async function isRefused(base, poll) {
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
