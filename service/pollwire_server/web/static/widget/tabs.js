/**
 * Tabs of one browser share one voter: a vote in one is announced to the others, so that none shows an outdated
 * choice. Where a browser isolates its tabs, the revision sent with each change still prevents a blind overwrite.
 */
const CHANNEL = 'pollwire';

/**
 * Watch other tabs for changes of the voter's choice in this poll.
 *
 * A message may arrive before the voter's token that the other tab has just stored, because browsers deliver
 * messages and stored values to tabs independently. A change of the stored token therefore counts as a message too.
 *
 * @param {{base: string, poll: string}} about
 * @param {string} tokenKey where the voter's token is stored
 * @param {AbortSignal} signal stops watching
 * @param {() => void} onChange called if the choice may have changed in another tab
 * @returns {() => void} notifies the other tabs of a change in this one
 */
export function syncTabs(about, tokenKey, signal, onChange) {
  addEventListener('storage', ({ key }) => key === tokenKey && onChange(), { signal });
  const channel = openChannel();
  if (!channel) return () => {};
  channel.onmessage = ({ data }) => {
    if (data?.base === about.base && data?.poll === about.poll) onChange();
  };
  signal.addEventListener('abort', () => channel.close());
  return () => {
    if (!signal.aborted) channel.postMessage(about);
  };
}

/** Open the channel. @returns {BroadcastChannel | null} null if the browser does not support or allow it */
function openChannel() {
  try {
    return new BroadcastChannel(CHANNEL);
  } catch {
    return null;
  }
}
