/**
 * Timer that detects connections that are dead although neither side has closed them: a lost network, a laptop
 * that slept, a proxy that lost its state. The browser reports none of these for minutes.
 */

/** The service sends a heartbeat after 10 s of silence. No message for two intervals means a dead connection. */
const IDLE_TIMEOUT_MS = 25_000;

/**
 * Create a timer that calls `onIdle` if `restart` was not called for `IDLE_TIMEOUT_MS`. `restart` also starts it.
 * @param {() => void} onIdle
 */
export function createIdleTimer(onIdle) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const stop = () => clearTimeout(timer);
  const restart = () => {
    stop();
    timer = setTimeout(onIdle, IDLE_TIMEOUT_MS);
  };
  return { restart, stop };
}
