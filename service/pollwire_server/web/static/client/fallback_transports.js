/**
 * The other two ways in which results reach a page, where sockets do not get through. Few pages need them, so
 * they are fetched when they are: the line that lets no socket through has just brought the page itself.
 */
import { jitteredMs, pause } from './backoff.js';

/** @typedef {import('./websocket_transport.js').Line} Line */
/** @typedef {import('./websocket_transport.js').End} End */

/** A stream that takes longer to open is given up. */
const OPENS_WITHIN_MS = 10_000;
/** Sockets are tried again after this long on another way. */
const DETOUR_MS = 120_000;
/** Between two reads where nothing can be pushed. */
const POLLING_MS = 4000;

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
    const end = { opened: false };
    const finish = () => {
      clearTimeout(detour);
      clearTimeout(patience);
      line.attach(null);
      close();
      resolve(end);
    };
    const detour = setTimeout(finish, DETOUR_MS);
    const patience = setTimeout(finish, OPENS_WITHIN_MS);
    const open = () => {
      clearTimeout(patience);
      end.opened = true;
      line.attach({ changed: finish, identify: finish, stop: finish });
      line.opened();
    };
    const subscribe = globalThis.EventSource ? withEventSource : withFetch;
    const close = subscribe(url, open, (data) => line.deliver(JSON.parse(data)), finish);
  });
}

/** @typedef {(url: URL, open: () => void, deliver: (data: string) => void, finish: () => void) => () => void} Subscribe */

/** @type {Subscribe} */
function withEventSource(url, open, deliver, finish) {
  const source = new EventSource(url);
  const receive = (/** @type {MessageEvent} */ { data }) => data && deliver(data);
  for (const name of ['results', 'problem', 'reconnect', 'message']) source.addEventListener(name, receive);
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
