/**
 * Tabs of one browser share one voter: a vote in one is announced to the others, so that none shows an outdated
 * choice. Where a browser isolates its tabs, the revision sent with each change still prevents a blind overwrite.
 */
const CHANNEL = 'pollwire';

/**
 * Follow what other tabs do in this poll.
 *
 * A message may arrive before the voter's token that the other tab has just stored, because browsers deliver
 * messages and stored values to tabs independently. A change of the stored token therefore counts as a message too.
 *
 * @param {{base: string, poll: string}} about
 * @param {string} tokenKey where the voter's token is stored
 * @param {AbortSignal} signal stops following
 * @param {() => void} onChange the voter's choice may have changed in another tab
 * @returns {() => void} notifies the other tabs that it changed in this one
 */
export function joinTabs(about, tokenKey, signal, onChange) {
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

/** @returns {BroadcastChannel | null} null where the browser has none, or forbids it here */
function openChannel() {
  try {
    return new BroadcastChannel(CHANNEL);
  } catch {
    return null;
  }
}
