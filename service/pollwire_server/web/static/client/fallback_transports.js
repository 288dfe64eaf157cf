/**
 * Fallback transports for networks that block WebSockets: server-sent events, then polling.
 *
 * Few pages need this module, so it is loaded on demand. HTTP works at that time: the page itself has just loaded.
 */
import { delay, jitteredDelayMs } from './backoff.js';
import { createIdleTimer } from './idle_timer.js';

/** @typedef {import('./websocket_transport.js').TransportContext} TransportContext */
/** @typedef {import('./websocket_transport.js').TransportEnd} TransportEnd */

const OPEN_TIMEOUT_MS = 10_000;
/** Time on a fallback before WebSockets are tried again. */
const FALLBACK_MS = 120_000;
const POLL_INTERVAL_MS = 4000;

/**
 * Receive results over one event stream for all polls. A change of the polls ends it, so that a new one opens.
 * @param {TransportContext} context
 * @returns {Promise<TransportEnd>}
 */
export async function runEventSource(context) {
  const url = new URL('v1/events', context.base);
  for (const id of context.pollIds()) url.searchParams.append('poll', id);
  const ticket = await context.fetchTicket();
  if (ticket) url.searchParams.set('ticket', ticket);
  return new Promise((resolve) => {
    const end = { opened: false };
    const finish = () => {
      clearTimeout(fallbackTimer);
      clearTimeout(openTimer);
      idleTimer.stop();
      context.setControls(null);
      close();
      resolve(end);
    };
    const idleTimer = createIdleTimer(finish);
    const fallbackTimer = setTimeout(finish, FALLBACK_MS);
    const openTimer = setTimeout(finish, OPEN_TIMEOUT_MS);
    const open = () => {
      clearTimeout(openTimer);
      idleTimer.restart();
      end.opened = true;
      context.setControls({ updateSubscriptions: finish, authenticate: finish, stop: finish });
      context.onOpen();
    };
    const subscribe = globalThis.EventSource ? withEventSource : withFetch;
    const deliver = (/** @type {string} */ data) => {
      idleTimer.restart();
      context.onMessage(JSON.parse(data));
    };
    const close = subscribe(url, open, deliver, finish);
  });
}

/** @typedef {(url: URL, open: () => void, deliver: (data: string) => void, finish: () => void) => () => void} Subscribe */

/** @type {Subscribe} */
function withEventSource(url, open, deliver, finish) {
  const source = new EventSource(url);
  const receive = (/** @type {MessageEvent} */ { data }) => data && deliver(data);
  for (const name of ['results', 'problem', 'reconnect', 'heartbeat', 'message']) source.addEventListener(name, receive);
  source.onopen = open;
  source.onerror = finish; // the browser's own reconnection would use the old ticket
  return () => source.close();
}

/** Read the stream with `fetch`, because Node has no `EventSource`. @type {Subscribe} */
function withFetch(url, open, deliver, finish) {
  const abort = new AbortController();
  readEvents(url, abort.signal, open, deliver).catch(() => {}).then(finish);
  return () => abort.abort();
}

/** @param {URL} url @param {AbortSignal} signal @param {() => void} open @param {(data: string) => void} deliver */
async function readEvents(url, signal, open, deliver) {
  const response = await fetch(url, { headers: { Accept: 'text/event-stream' }, signal });
  if (!response.ok || !response.body) return;
  open();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ''; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const events = (rest + value).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1]; // the service sends one line of data for each event
      if (data) deliver(data);
    }
  }
}

/**
 * Read results over HTTP every few seconds.
 * @param {TransportContext} context
 * @param {(id: string) => Promise<any>} fetchResults returns one poll's results as a message; null if the service does not answer
 * @returns {Promise<TransportEnd>}
 */
export async function runPolling(context, fetchResults) {
  const until = performance.now() + FALLBACK_MS;
  let stopped = false;
  let opened = false;
  context.setControls({ updateSubscriptions() {}, authenticate() {}, stop: () => (stopped = true) });
  while (!stopped && performance.now() < until) {
    const messages = await Promise.all(context.pollIds().map(fetchResults));
    if (messages.every((message) => message === null)) break;
    opened = true;
    for (const message of messages) if (message) context.onMessage(message);
    await delay(POLL_INTERVAL_MS + jitteredDelayMs(0));
  }
  context.setControls(null);
  return { opened };
}
