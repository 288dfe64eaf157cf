/**
 * Client module for pages without the widget; see `client/client.js`.
 */
export * from './client/client.js';
