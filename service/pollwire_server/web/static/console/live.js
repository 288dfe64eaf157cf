/**
 * Totals as they move: one socket for every poll on the screen, with an operator's ticket, so that hidden
 * totals are seen as well. Where no socket gets through, totals are read every few seconds instead.
 */
import { replaces } from '../client/result_order.js';
import { delay, jitteredDelayMs } from '../client/backoff.js';
import { ask, base, pollPath } from './api.js';
import { session } from './session.js';

/** @typedef {import('./types.js').Results} Results */
/**
 * @typedef {object} Watcher
 * @property {(results: Results) => void} results
 * @property {(poll: string) => void} [gone]
 * @property {(connection: 'live' | 'delayed' | 'away') => void} [connection]
 */

/** What one socket may watch. */
export const MOST_POLLS = 100;
/** The service says something at least every 25 s. */
const SILENCE_MS = 55_000;
const READ_EVERY_MS = 5000;
/** Reads between two tries of a socket, once several have failed. */
const READS_A_DETOUR = 12;
const FAILURES_BEFORE_READING = 2;

/** @type {Set<string>} */
let wanted = new Set();
/** @type {Watcher | null} */
let watcher = null;
/** @type {Map<string, Results>} */
const held = new Map();
/** @type {WebSocket | null} */
let socket = null;
let running = false;
/** @type {() => void} cuts a pause short */
let wake = () => {};

/** Watch these polls and no others. @param {string[]} ids @param {Watcher | null} next */
export function follow(ids, next) {
  const before = wanted;
  wanted = new Set(ids.slice(0, MOST_POLLS));
  watcher = next;
  for (const id of before) if (!wanted.has(id)) held.delete(id);
  for (const id of wanted) {
    const known = held.get(id);
    if (known) watcher?.results(known);
  }
  if (socket !== null && socket.readyState === WebSocket.OPEN) tellChanges(socket, before);
  if (wanted.size === 0) stop();
  else if (!running) run();
}

/** @param {WebSocket} open @param {Set<string>} before */
function tellChanges(open, before) {
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
    const opened = await oneSocket();
    failures = opened ? 0 : failures + 1;
    if (wanted.size === 0 || !session.isOpen) break;
    if (failures >= FAILURES_BEFORE_READING) await readForAWhile();
    else {
      watcher?.connection?.('away');
      await rest(jitteredDelayMs(failures));
    }
  }
  running = false;
  if (wanted.size > 0 && session.isOpen) run();
}

/** @returns {Promise<boolean>} whether it ever worked; resolves when it has ended */
async function oneSocket() {
  const address = new URL('v1/live', base);
  address.protocol = address.protocol.replace('http', 'ws');
  const ticket = await ask('v1/tickets', { method: 'POST' }).catch(() => null);
  if (ticket === null) return false;
  const open = socketTo(address);
  if (open === null) return false;
  return new Promise((resolve) => {
    socket = open;
    let worked = false;
    let silence = setTimeout(() => open.close(), SILENCE_MS);
    open.onopen = () => {
      worked = true;
      open.send(JSON.stringify({ ticket: ticket.ticket })); // first, so that no frame is the hidden one
      open.send(JSON.stringify({ watch: [...wanted] }));
      watcher?.connection?.('live');
    };
    open.onmessage = ({ data }) => {
      clearTimeout(silence);
      silence = setTimeout(() => open.close(), SILENCE_MS);
      hear(JSON.parse(data));
    };
    open.onclose = () => {
      clearTimeout(silence);
      if (socket === open) socket = null;
      resolve(worked);
    };
  });
}

/** @param {URL} address @returns {WebSocket | null} null where the page may open none */
function socketTo(address) {
  try {
    return new WebSocket(address);
  } catch {
    return null;
  }
}

/** @param {any} message */
function hear(message) {
  if (message.type === 'results') deliver(message);
  else if (message.type === 'problem' && message.status === 404 && wanted.has(message.poll)) watcher?.gone?.(message.poll);
}

/** @param {Results} results */
function deliver(results) {
  if (!wanted.has(results.poll) || !replaces(/** @type {any} */ (held.get(results.poll)), /** @type {any} */ (results))) return;
  held.set(results.poll, results);
  watcher?.results(results);
}

async function readForAWhile() {
  watcher?.connection?.('delayed');
  for (let turn = 0; turn < READS_A_DETOUR && wanted.size > 0 && session.isOpen; turn += 1) {
    for (const id of wanted) {
      const results = await ask(pollPath(id, 'results')).catch(() => null);
      if (results) deliver(results);
    }
    await rest(READ_EVERY_MS);
  }
}

/** @param {number} delayMs */
function rest(delayMs) {
  return Promise.race([delay(delayMs), /** @type {Promise<void>} */ (new Promise((resolve) => (wake = resolve)))]);
}
