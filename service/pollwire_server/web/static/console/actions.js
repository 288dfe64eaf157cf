/**
 * Table of the actions on a poll: the phases that allow each, its request, and whether it is destructive.
 */
import { request, pollPath } from './api.js';
import { session } from './session.js';

/** @typedef {import('./types.js').Poll} Poll */
/** @typedef {Omit<Poll, 'version'> & {version?: number}} ActionTarget `version` is the expected one; without it, any */
/**
 * @typedef {object} Action
 * @property {string} name
 * @property {(poll: Poll) => boolean} fits
 * @property {'plain' | 'confirm' | 'until' | 'outcome' | 'note'} input input of the confirmation dialog
 * @property {import('./session.js').Scope[]} [scopes] scopes that it needs; without it, `polls:write`
 * @property {boolean} [danger] true if it cannot be undone
 * @property {(poll: ActionTarget, given: Record<string, any>) => Promise<any>} send
 */

const BEFORE_AN_END = ['scheduled', 'open', 'closed'];

/** @param {string[]} phases @returns {(poll: Poll) => boolean} */
const inPhase = (phases) => (poll) => phases.includes(poll.phase);

/** @param {string} part @returns {Action['send']} */
const post = (part) => (poll, given) => request(pollPath(poll.id, part), { method: 'POST', body: given, version: poll.version, long: true });

/** @type {Action[]} */
export const ACTIONS = [
  { name: 'open', fits: inPhase(['scheduled']), input: 'plain', send: post('open') },
  { name: 'close', fits: inPhase(['open']), input: 'plain', send: post('close') },
  { name: 'resolve', fits: (poll) => poll.kind === 'prediction' && poll.phase === 'closed', input: 'outcome', send: post('resolve') },
  { name: 'extend', fits: inPhase(['scheduled', 'open']), input: 'until', send: (poll, given) => request(pollPath(poll.id), { method: 'PATCH', body: given, version: poll.version }) },
  { name: 'reopen', fits: inPhase(['closed']), input: 'until', send: post('reopen') },
  { name: 'publish', fits: (poll) => poll.results !== 'always', input: 'plain', scopes: ['polls:write', 'results:read'], send: post('publish') },
  { name: 'annul', fits: (poll) => poll.kind === 'prediction' && poll.phase === 'closed', input: 'note', send: (poll, given) => post('resolve')(poll, { ...given, outcome: null }) },
  { name: 'correct', fits: (poll) => poll.kind === 'prediction' && poll.phase === 'resolved', input: 'outcome', send: (poll, given) => post('resolve')(poll, { ...given, correct: true }) },
  { name: 'unresolve', fits: inPhase(['resolved']), input: 'plain', send: post('unresolve') },
  { name: 'cancel', fits: inPhase(BEFORE_AN_END), input: 'plain', danger: true, send: post('cancel') },
  { name: 'archive', fits: inPhase(['closed', 'resolved', 'canceled']), input: 'plain', scopes: ['polls:destroy'], danger: true, send: post('archive') },
  { name: 'reset', fits: inPhase(BEFORE_AN_END), input: 'confirm', scopes: ['polls:destroy'], danger: true, send: (poll) => post('reset')(poll, { confirm: poll.id }) },
  { name: 'delete', fits: () => true, input: 'confirm', scopes: ['polls:destroy'], danger: true, send: (poll) => request(pollPath(poll.id), { method: 'DELETE', body: { confirm: poll.id }, version: poll.version }) },
];

/** Return the actions that fit the phase and that the key may take. @param {Poll} poll */
export function actionsFor(poll) {
  return ACTIONS.filter(({ fits, scopes = ['polls:write'] }) => fits(poll) && session.hasScopes(...scopes));
}
