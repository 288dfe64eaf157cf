/**
 * Proof of work for new voters of a network with very many of them (ALTCHA, version 2).
 *
 * Loaded when the service requires it. `crypto.subtle` computes natively on other threads, so the page stays
 * responsive without a worker. A page without https has no `crypto.subtle` and cannot solve challenges.
 */

/** Concurrent attempts: enough to keep the browser's threads busy. */
const BATCH_SIZE = 16;

/** @typedef {{algorithm: string, nonce: string, salt: string, cost: number, keyLength: number, keyPrefix: string}} Parameters */

/**
 * Solve a challenge.
 * @param {{parameters: Parameters, signature: string} | undefined} challenge from the problem document
 * @returns {Promise<string | null>} the payload to send; null if this page cannot solve it
 */
export async function solve(challenge) {
  if (challenge?.parameters?.algorithm !== 'PBKDF2/SHA-256' || !globalThis.crypto?.subtle) return null;
  const start = performance.now();
  for (let first = 0; ; first += BATCH_SIZE) {
    const attempts = Array.from({ length: BATCH_SIZE }, (_, index) => attempt(challenge.parameters, first + index));
    const found = (await Promise.all(attempts)).find(({ derivedKey }) =>
      derivedKey.startsWith(challenge.parameters.keyPrefix),
    );
    if (found) return btoa(JSON.stringify({ challenge, solution: { ...found, time: performance.now() - start } }));
  }
}

/** Derive the key for one counter. @param {Parameters} parameters @param {number} counter */
async function attempt({ nonce, salt, cost, keyLength }, counter) {
  const password = bytes(nonce + counter.toString(16).padStart(8, '0'));
  const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits']);
  const algorithm = { name: 'PBKDF2', hash: 'SHA-256', salt: bytes(salt), iterations: cost };
  return { counter, derivedKey: hex(await crypto.subtle.deriveBits(algorithm, key, keyLength * 8)) };
}

/** Decode hexadecimal text. @param {string} text */
function bytes(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Encode as hexadecimal text. @param {ArrayBuffer} buffer */
function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
