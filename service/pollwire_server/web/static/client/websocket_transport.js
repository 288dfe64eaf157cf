/**
 * How results reach a page over a socket: one attempt, which starts, delivers, and ends.
 *
 * A way of transport is a function of a `Line` that resolves to how it ended. What comes after an end (again,
 * another way, how long to wait) is the stream's business, not its own. The other ways are in `detours.js`.
 */

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
