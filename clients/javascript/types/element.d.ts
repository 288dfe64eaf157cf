/** Types of `pollwire/element`: the element `<live-poll>`. */
import './widget.js';

export type { LivePoll, PollState } from './widget.js';

/**
 * Define `<live-poll>` for the service at this address. A second call does nothing, and so does a call on a server.
 *
 *     defineLivePoll('https://polls.example/');
 */
export function defineLivePoll(service: string | URL): void;

/** The attributes of `<live-poll>`. */
export interface LivePollAttributes {
  /** The id of the poll. */
  poll?: string;
  /** Show results only. `false` is not allowed, because React 18 and Vue would set the attribute to "false". */
  'results-only'?: true | '' | undefined;
  /** Default: the page's own `color-scheme`. */
  theme?: 'light' | 'dark' | 'auto';
  /** The language of the widget. */
  lang?: string;
  /** For polls with `identity: signed`: your site's JWT for the signed-in user. */
  token?: string;
}
