/**
 * The three ways in which results reach a page, each one attempt: it starts, delivers, and ends.
 *
 * A way is a function of a `Line` that resolves to how it ended. What comes after an end (again, another
 * way, how long to wait) is the stream's business, not theirs.
 */
import { ask } from './http.js';
import { jitteredMs, pause } from './waiting.js';

/**
 * @typedef {object} Line what a way of transport needs of the stream
 * @property {string} base
 * @property {() => string[]} polls the ids that are watched now
 * @property {() => Promise<string | null>} ticket
 * @property {(message: any) => void} deliver one message of the service
 * @property {() => void} opened the way works
 * @property {(controls: Controls | null) => void} attach where to tell what changed while the way is up
 *
 * @typedef {object} Controls
 * @property {(added: string[], removed: string[]) => void} changed
 * @property {() => void} identify the reader may see more than before: show a ticket
 * @property {() => void} stop
 *
 * @typedef {object} End
 * @property {boolean} opened whether it ever worked
 * @property {number} [comeBackMs] when the service asked to be called again
 */

/** The service sends something at least every 25 s; twice that in silence means that the line is dead. */
const SILENCE_MS = 55_000;
/** A handshake slower than this is given up. */
const HANDSHAKE_MS = 10_000;
/** Sockets are tried again after this long on another way. */
const DETOUR_MS = 120_000;
/** Between two reads where nothing can be pushed. */
const POLLING_MS = 4000;

/**
 * One WebSocket for every poll of the page.
 * @param {Line} line
 * @returns {Promise<End>}
 */
export async function overSocket(line) {
  const ticket = await line.ticket();
  return new Promise((resolve) => {
    const socket = socketTo(line.base, line.polls());
    if (socket === null) return resolve({ opened: false });
    /** @type {End} */
    const end = { opened: false };
    let patience = setTimeout(() => finish(), HANDSHAKE_MS);
    const heard = () => {
      clearTimeout(patience);
      patience = setTimeout(() => finish(), SILENCE_MS);
    };
    const say = (/** @type {object} */ message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    };
    const identify = async () => {
      const fresh = await line.ticket();
      if (fresh) say({ ticket: fresh });
    };
    const finish = () => {
      clearTimeout(patience);
      line.attach(null);
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
      resolve(end);
    };
    socket.onopen = () => {
      end.opened = true;
      if (line.polls().length === 0) return finish();
      heard();
      if (ticket) say({ ticket }); // before the polls, so that the first frame is not the hidden one
      say({ watch: line.polls() });
      line.attach({ changed: (added, removed) => told(say, added, removed), identify, stop: finish });
      line.opened();
    };
    socket.onmessage = ({ data }) => {
      heard();
      const message = JSON.parse(data);
      if (message.type !== 'reconnect') return line.deliver(message);
      end.comeBackMs = message.after_ms;
      finish();
    };
    socket.onclose = finish;
  });
}

/**
 * Server-sent events, where sockets do not get through: one stream for all polls, opened anew when they change.
 * @param {Line} line
 * @returns {Promise<End>}
 */
export async function overEvents(line) {
  const url = new URL('v1/events', line.base);
  for (const id of line.polls()) url.searchParams.append('poll', id);
  const ticket = await line.ticket();
  if (ticket) url.searchParams.set('ticket', ticket);
  return new Promise((resolve) => {
    const source = new EventSource(url);
    const end = { opened: false };
    const finish = () => {
      clearTimeout(detour);
      clearTimeout(patience);
      line.attach(null);
      source.close();
      resolve(end);
    };
    const detour = setTimeout(finish, DETOUR_MS);
    const patience = setTimeout(finish, HANDSHAKE_MS);
    const hear = (/** @type {MessageEvent} */ { data }) => {
      if (data) line.deliver(JSON.parse(data));
    };
    source.onopen = () => {
      clearTimeout(patience);
      end.opened = true;
      line.attach({ changed: finish, identify: finish, stop: finish });
      line.opened();
    };
    for (const name of ['results', 'problem', 'reconnect', 'message']) source.addEventListener(name, hear);
    source.onerror = finish; // not the browser's own return: it would come with the old ticket
  });
}

/**
 * Reading every few seconds, where nothing can be pushed.
 * @param {Line} line
 * @param {(id: string) => Promise<any>} read one poll's results, as a message
 * @returns {Promise<End>}
 */
export async function overPolling(line, read) {
  const until = performance.now() + DETOUR_MS;
  let stopped = false;
  let opened = false;
  line.attach({ changed() {}, identify() {}, stop: () => (stopped = true) });
  while (!stopped && performance.now() < until) {
    const messages = await Promise.all(line.polls().map((id) => read(id)));
    if (messages.every((message) => message === null)) break;
    opened = true;
    for (const message of messages) if (message) line.deliver(message);
    await pause(POLLING_MS + jitteredMs(0));
  }
  line.attach(null);
  return { opened };
}

/**
 * @param {(message: object) => void} say
 * @param {string[]} added
 * @param {string[]} removed
 */
function told(say, added, removed) {
  if (added.length) say({ watch: added });
  if (removed.length) say({ unwatch: removed });
}

/**
 * @param {string} base
 * @param {string[]} polls named, because the page's site may be allowed by them alone
 * @returns {WebSocket | null} null where the page may open none
 */
function socketTo(base, polls) {
  const url = new URL('v1/live', base);
  for (const id of polls) url.searchParams.append('poll', id);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  try {
    return new WebSocket(url);
  } catch {
    return null;
  }
}

/**
 * Results read over HTTP.
 * @param {string} base
 * @param {string} id
 * @param {string | null} token of a voter who may see more than the public
 */
export function readResults(base, id, token) {
  return ask(base, `v1/polls/${encodeURIComponent(id)}/results`, { token });
}
