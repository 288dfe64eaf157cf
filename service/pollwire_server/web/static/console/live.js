/**
 * Live results: one WebSocket for all polls on the screen. An operator's ticket includes hidden results.
 * If sockets are blocked, results are polled every few seconds.
 */
import { replaces } from '../client/result_order.js';
import { delay, jitteredDelayMs } from '../client/backoff.js';
import { createIdleTimer } from '../client/idle_timer.js';
import { request, base, pollPath } from './api.js';
import { session } from './session.js';

/** @typedef {import('./types.js').Results} Results */
/**
 * @typedef {object} Watcher
 * @property {(results: Results) => void} results
 * @property {(poll: string) => void} [deleted]
 * @property {(connection: 'live' | 'delayed' | 'away') => void} [connection]
 */

/** Maximum number of polls per socket. */
export const MAX_POLLS = 100;
const POLL_INTERVAL_MS = 5000;
/** Rounds of polling between two socket attempts. */
const POLLS_BEFORE_RETRY = 12;
const FAILURES_BEFORE_POLLING = 2;

/** @type {Set<string>} */
let wanted = new Set();
/** @type {Watcher | null} */
let watcher = null;
/** @type {Map<string, Results>} */
const latest = new Map();
/** @type {WebSocket | null} */
let socket = null;
let running = false;
/** @type {() => void} ends the current pause early */
let wake = () => {};

/** Watch exactly these polls. @param {string[]} ids @param {Watcher | null} next */
export function watchPolls(ids, next) {
  const before = wanted;
  wanted = new Set(ids.slice(0, MAX_POLLS));
  watcher = next;
  for (const id of before) if (!wanted.has(id)) latest.delete(id);
  for (const id of wanted) {
    const known = latest.get(id);
    if (known) watcher?.results(known);
  }
  if (socket !== null && socket.readyState === WebSocket.OPEN) sendSubscriptionChanges(socket, before);
  if (wanted.size === 0) stop();
  else if (!running) run();
}

/** @param {WebSocket} open @param {Set<string>} before */
function sendSubscriptionChanges(open, before) {
  watcher?.connection?.('live');
  const added = [...wanted].filter((id) => !before.has(id));
  const removed = [...before].filter((id) => !wanted.has(id));
  if (removed.length) open.send(JSON.stringify({ unwatch: removed }));
  if (added.length) open.send(JSON.stringify({ watch: added }));
}

function stop() {
  socket?.close();
  wake();
}

async function run() {
  running = true;
  for (let failures = 0; wanted.size > 0 && session.isOpen; ) {
    const opened = await runSocket();
    failures = opened ? 0 : failures + 1;
    if (wanted.size === 0 || !session.isOpen) break;
    if (failures >= FAILURES_BEFORE_POLLING) await pollResults();
    else {
      watcher?.connection?.('away');
      await rest(jitteredDelayMs(failures));
    }
  }
  running = false;
  if (wanted.size > 0 && session.isOpen) run();
}

/** @returns {Promise<boolean>} true if the socket opened; resolves when it has closed */
async function runSocket() {
  const address = new URL('v1/live', base);
  address.protocol = address.protocol.replace('http', 'ws');
  const ticket = await request('v1/tickets', { method: 'POST' }).catch(() => null);
  if (ticket === null) return false;
  const open = socketTo(address);
  if (open === null) return false;
  return new Promise((resolve) => {
    socket = open;
    let worked = false;
    const finish = () => {
      idleTimer.stop();
      open.onopen = open.onmessage = open.onclose = null;
      open.close(); // the browser would report the end of a dead connection minutes later
      if (socket === open) socket = null;
      resolve(worked);
    };
    const idleTimer = createIdleTimer(finish);
    idleTimer.restart();
    open.onopen = () => {
      worked = true;
      open.send(JSON.stringify({ ticket: ticket.ticket })); // before watching, so that the first frame includes hidden results
      open.send(JSON.stringify({ watch: [...wanted] }));
      watcher?.connection?.('live');
    };
    open.onmessage = ({ data }) => {
      idleTimer.restart();
      handleMessage(JSON.parse(data));
    };
    open.onclose = finish;
  });
}

/** @param {URL} address @returns {WebSocket | null} null if the page's policy forbids it */
function socketTo(address) {
  try {
    return new WebSocket(address);
  } catch {
    return null;
  }
}

/** @param {any} message */
function handleMessage(message) {
  if (message.type === 'results') deliver(message);
  else if (message.type === 'problem' && message.status === 404 && wanted.has(message.poll)) watcher?.deleted?.(message.poll);
}

/** @param {Results} results */
function deliver(results) {
  if (!wanted.has(results.poll) || !replaces(/** @type {any} */ (latest.get(results.poll)), /** @type {any} */ (results))) return;
  latest.set(results.poll, results);
  watcher?.results(results);
}

async function pollResults() {
  watcher?.connection?.('delayed');
  for (let turn = 0; turn < POLLS_BEFORE_RETRY && wanted.size > 0 && session.isOpen; turn += 1) {
    for (const id of wanted) {
      const results = await request(pollPath(id, 'results')).catch(() => null);
      if (results) deliver(results);
    }
    await rest(POLL_INTERVAL_MS);
  }
}

/** @param {number} delayMs */
function rest(delayMs) {
  return Promise.race([delay(delayMs), /** @type {Promise<void>} */ (new Promise((resolve) => (wake = resolve)))]);
}
