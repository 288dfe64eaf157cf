/** Types for React 18 and 19: `import type {} from 'pollwire/react';` makes `<live-poll>` known to JSX. */
import type * as React from 'react';
import type { GetToken } from './client.js';
import type { LivePoll, LivePollAttributes, PollState } from './element.js';

/** React 19 sets properties and listens to custom events. With React 18, use a ref. */
type React19Props = typeof React extends { use: unknown }
  ? { getToken?: GetToken | null; 'onpoll-change'?: (event: CustomEvent<PollState>) => void }
  : unknown;

/** React 18 passes `class` to custom elements, not `className`. */
export type LivePollProps = React.DetailedHTMLProps<React.HTMLAttributes<LivePoll>, LivePoll> &
  LivePollAttributes &
  React19Props & { class?: string };

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'live-poll': LivePollProps;
    }
  }
}

declare global {
  namespace JSX {
    interface IntrinsicElements {
      'live-poll': LivePollProps;
    }
  }
}
