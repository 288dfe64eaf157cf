/**
 * Pollwire for people who write their own page; `client/client.js` tells how.
 */
export * from './client/client.js';
