/**
 * Tabs of one browser are one voter: what is done in one is told to the others, so that none shows a choice
 * that no longer stands. Where browsers keep tabs apart, the revision named with each change still protects it.
 */
const CHANNEL = 'pollwire';

/** @typedef {{base: string, poll: string}} Word that the voter's choice in this poll may have changed */

/** Tells the other tabs. @param {Word} word */
export function tellTabs(word) {
  const channel = open();
  channel?.postMessage(word);
  channel?.close();
}

/**
 * Hears of this voter's choice in this poll from other tabs.
 * @param {Word} about
 * @param {AbortSignal} life until when
 * @param {() => void} heard
 */
export function hearTabs(about, life, heard) {
  const channel = open();
  if (!channel) return;
  channel.onmessage = ({ data }) => {
    if (data?.base === about.base && data?.poll === about.poll) heard();
  };
  life.addEventListener('abort', () => channel.close());
}

/** @returns {BroadcastChannel | null} null where the browser has none, or forbids it here */
function open() {
  try {
    return new BroadcastChannel(CHANNEL);
  } catch {
    return null;
  }
}
