/**
 * WebSocket transport of results.
 *
 * A transport is a function of a `TransportContext`. It makes one connection, passes messages on, and resolves when
 * the connection ends. It does not reconnect: the stream chooses the next transport and the delay. The other
 * transports are in `fallback_transports.js`.
 */
import { createIdleTimer } from './idle_timer.js';

/**
 * @typedef {object} TransportContext the stream, as a transport sees it
 * @property {string} base
 * @property {() => string[]} pollIds the polls that are watched now
 * @property {() => Promise<string | null>} fetchTicket null for an anonymous reader
 * @property {(message: any) => void} onMessage receives each message of the service
 * @property {() => void} onOpen called when the connection works
 * @property {(controls: TransportControls | null) => void} setControls controls of the open connection; null after its end
 *
 * @typedef {object} TransportControls
 * @property {(added: string[], removed: string[]) => void} updateSubscriptions
 * @property {() => void} authenticate send a ticket, because the reader may see more than before
 * @property {() => void} stop
 *
 * @typedef {object} TransportEnd
 * @property {boolean} opened true if the connection worked
 * @property {number} [reconnectAfterMs] delay that the service asked for
 */

const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * Receive results of all polls of the page over one WebSocket.
 * @param {TransportContext} context
 * @returns {Promise<TransportEnd>}
 */
export async function runWebSocket(context) {
  const ticket = await context.fetchTicket();
  return new Promise((resolve) => {
    const socket = openSocket(context.base, context.pollIds());
    if (socket === null) return resolve({ opened: false });
    /** @type {TransportEnd} */
    const end = { opened: false };
    const handshakeTimer = setTimeout(() => finish(), HANDSHAKE_TIMEOUT_MS);
    const idleTimer = createIdleTimer(() => finish());
    const send = (/** @type {object} */ message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    };
    const authenticate = async () => {
      const fresh = await context.fetchTicket();
      if (fresh) send({ ticket: fresh });
    };
    const finish = () => {
      clearTimeout(handshakeTimer);
      idleTimer.stop();
      context.setControls(null);
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
      resolve(end);
    };
    socket.onopen = () => {
      end.opened = true;
      if (context.pollIds().length === 0) return finish();
      clearTimeout(handshakeTimer);
      idleTimer.restart();
      if (ticket) send({ ticket }); // before `watch`, so that no hidden frame comes first
      send({ watch: context.pollIds() });
      context.setControls({ updateSubscriptions: (added, removed) => updateSubscriptions(send, added, removed), authenticate, stop: finish });
      context.onOpen();
    };
    socket.onmessage = ({ data }) => {
      idleTimer.restart();
      const message = JSON.parse(data);
      if (message.type !== 'reconnect') return context.onMessage(message);
      end.reconnectAfterMs = message.after_ms;
      finish();
    };
    socket.onclose = finish;
  });
}

/**
 * Send the changes of the subscriptions.
 * @param {(message: object) => void} send
 * @param {string[]} added
 * @param {string[]} removed
 */
function updateSubscriptions(send, added, removed) {
  if (added.length) send({ watch: added });
  if (removed.length) send({ unwatch: removed });
}

/**
 * Open the socket. The URL names the polls, because the page's origin may be allowed by one of them only.
 * @param {string} base
 * @param {string[]} polls
 * @returns {WebSocket | null} null if the page may not open sockets
 */
function openSocket(base, polls) {
  const url = new URL('v1/live', base);
  for (const id of polls) url.searchParams.append('poll', id);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  try {
    return new WebSocket(url);
  } catch {
    return null;
  }
}
