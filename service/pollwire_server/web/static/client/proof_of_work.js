/**
 * The work that a new voter does where very many come from one network (ALTCHA, version 2).
 *
 * Loaded only when the service asks for it. The browser computes it natively and beside the page (`crypto.subtle`),
 * so nothing stutters meanwhile and no worker is needed; a page without https has no `crypto.subtle`, and waits.
 */

/** Attempts under way at once: enough to keep the browser's threads busy. */
const AT_ONCE = 16;

/** @typedef {{algorithm: string, nonce: string, salt: string, cost: number, keyLength: number, keyPrefix: string}} Parameters */

/**
 * @param {{parameters: Parameters, signature: string} | undefined} challenge as the problem has it
 * @returns {Promise<string | null>} the payload to send; null where this page cannot solve it
 */
export async function solve(challenge) {
  if (challenge?.parameters?.algorithm !== 'PBKDF2/SHA-256' || !globalThis.crypto?.subtle) return null;
  const start = performance.now();
  for (let first = 0; ; first += AT_ONCE) {
    const attempts = Array.from({ length: AT_ONCE }, (_, place) => attempt(challenge.parameters, first + place));
    const found = (await Promise.all(attempts)).find(({ derivedKey }) =>
      derivedKey.startsWith(challenge.parameters.keyPrefix),
    );
    if (found) return btoa(JSON.stringify({ challenge, solution: { ...found, time: performance.now() - start } }));
  }
}

/** @param {Parameters} parameters @param {number} counter */
async function attempt({ nonce, salt, cost, keyLength }, counter) {
  const password = bytes(nonce + counter.toString(16).padStart(8, '0'));
  const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits']);
  const how = { name: 'PBKDF2', hash: 'SHA-256', salt: bytes(salt), iterations: cost };
  return { counter, derivedKey: hex(await crypto.subtle.deriveBits(how, key, keyLength * 8)) };
}

/** @param {string} text */
function bytes(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** @param {ArrayBuffer} buffer */
function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
