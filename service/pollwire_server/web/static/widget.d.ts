/** Types of `<live-poll>`, for pages that reach into it; docs/widget.md describes them. */
import type { Client, Connection, GetToken, Poll, Results, Standing } from './client.js';

/** What a widget knows, as its event `poll-change` tells. */
export interface PollState {
  poll: Poll | null;
  results: Results | null;
  mine: Standing | null;
  connection: Connection;
  trouble: 'unknown' | 'gone' | 'unreachable' | 'refused' | null;
  changing: boolean;
  sending: boolean;
  checkable: boolean;
  notice: string | null;
  resultsOnly: boolean;
}

export interface LivePoll extends HTMLElement {
  /** The page's client of the service, the same for all its widgets. */
  readonly client: Client;
  getToken: GetToken | null;
}

declare global {
  interface HTMLElementTagNameMap {
    'live-poll': LivePoll;
  }
  interface HTMLElementEventMap {
    'poll-change': CustomEvent<PollState>;
  }
  interface DocumentEventMap {
    'poll-change': CustomEvent<PollState>;
  }
  interface WindowEventMap {
    'poll-change': CustomEvent<PollState>;
  }
}
