/** Types of the element `<live-poll>`; docs/widget.md describes it. */
import type { Client, Connection, GetToken, Poll, Results, Standing } from './client.js';

/** The state of a widget: `detail` of its event `poll-change`. */
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
  /** The page's client of the service, shared by all its widgets. */
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
