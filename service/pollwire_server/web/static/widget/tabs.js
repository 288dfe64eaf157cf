/**
 * Tabs of one browser are one voter: what is done in one is told to the others, so that none shows a choice
 * that no longer stands. Where browsers keep tabs apart, the revision named with each change still protects it.
 */
const CHANNEL = 'pollwire';

/**
 * Joins the tabs that show this poll of this service.
 * @param {{base: string, poll: string}} about
 * @param {AbortSignal} life until when
 * @param {() => void} heard the voter's choice may have changed elsewhere
 * @returns {() => void} tells the others that it has changed here; never this one, as a channel does not hear itself
 */
export function joinTabs(about, life, heard) {
  const channel = channelOfTabs();
  if (!channel) return () => {};
  channel.onmessage = ({ data }) => {
    if (data?.base === about.base && data?.poll === about.poll) heard();
  };
  life.addEventListener('abort', () => channel.close());
  return () => {
    if (!life.aborted) channel.postMessage(about);
  };
}

/** @returns {BroadcastChannel | null} null where the browser has none, or forbids it here */
function channelOfTabs() {
  try {
    return new BroadcastChannel(CHANNEL);
  } catch {
    return null;
  }
}
