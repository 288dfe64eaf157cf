/** Types of `/client.js`, the client module for pages without the widget; docs/widget.md describes it. */
export interface Option {
  id: string;
  label: string;
  image?: string | null;
  capacity?: number | null;
}

/** `outcome` is the correct option, or null if the question was voided. */
export interface Resolution {
  outcome: string | null;
  at: string;
  note?: string | null;
  /** Address of a page with evidence. */
  source?: string | null;
}

export interface Poll {
  id: string;
  /** `single`, `multiple`, `rating`, `ranked`, `prediction`, or a kind of a later release. */
  kind: string;
  question: string;
  description?: string | null;
  options: Option[] | null;
  /** Number of options in a vote of a `multiple` poll. */
  choices?: { min: number; max: number } | null;
  /** The values of a `rating`. */
  scale?: { min: number; max: number } | null;
  forecast?: boolean;
  /** Times are RFC 3339, in UTC. */
  opens_at: string;
  closes_at: string | null;
  /** `never`, `change` or `withdraw`. */
  revote: string;
  /** `device`, `signed` or `open`. */
  identity: string;
  /** `always`, `after_vote`, `after_close` or `operators`. */
  results: string;
  lang?: string | null;
  network_tags?: boolean;
  shuffle?: boolean;
  /** `scheduled`, `open`, `closed`, `resolved`, `canceled` or `archived`. */
  phase: string;
  resolution?: Resolution | null;
}

export interface Results {
  type: 'results';
  poll: string;
  /** Newer results have a greater `epoch`, or the same and a greater `seq`. */
  epoch: string;
  seq: number;
  phase: string;
  final: boolean;
  as_of: string;
  closes_at: string | null;
  /** This reader may not see totals yet: the fields below are missing. */
  hidden?: boolean;
  voters?: number;
  counts?: Record<string, number>;
  mean?: number | null;
  /** Of a forecast: the mean probability of each outcome, its quartiles, and the mean natural logarithm. */
  forecast?: Record<string, number> | null;
  spread?: Record<string, { low: number; median: number; high: number }> | null;
  mean_log?: Record<string, number> | null;
  resolution?: Resolution | null;
}

/** An option's id, a value of the scale, several ids (of a `ranked` poll the best first), or probabilities by outcome. */
export type Choice = string | number | string[] | Record<string, number>;

/** A voter's current vote. */
export interface Standing {
  status?: string;
  choice: Choice;
  at: string;
  revision: number;
  correct?: boolean | null;
  receipt?: string;
}

/** The current state of a receipt. */
export interface Proof {
  valid: boolean;
  counted: boolean;
  choice: Choice;
  at: string;
}

/** `live`: pushed at once; `delayed`: read every few seconds; `away`: no connection. */
export type Connection = 'connecting' | 'live' | 'delayed' | 'away';

export interface Watcher {
  results: (results: Results) => void;
  problem?: (error: PollwireError) => void;
  connection?: (connection: Connection) => void;
}

/** A problem sent by the service, or no response (`status` 0, `slug` `unreachable`). */
export class PollwireError extends Error {
  status: number;
  /** The last part of the problem's type, such as `poll-closed`. */
  slug: string;
  retryAfterMs: number | null;
  /** All fields of the problem: `opens_at`, `revision`, `option`, ... */
  facts: Record<string, any>;
  /** True if the same request may succeed later. It is safe to send again. */
  get passes(): boolean;
}

/** Return your site's JWT for the signed-in user, or nothing if there is none. */
export type GetToken = () => string | null | undefined | Promise<string | null | undefined>;

/** Called after each failed attempt. Retries end after a minute. */
export type OnRetry = (error: PollwireError, attempt: number) => void;

/** Client of one service. All rejections are `PollwireError`s. */
export class Client {
  poll(id: string): Promise<Poll>;
  /** Cast a vote, with retries. It counts once. `revision`: that of the vote to replace, 0 for none. */
  vote(poll: Poll, choice: Choice, options?: { revision?: number; onRetry?: OnRetry }): Promise<Standing>;
  /** Return this browser's current vote, or null. */
  mine(poll: Poll): Promise<Standing | null>;
  withdraw(poll: Poll, onRetry?: OnRetry): Promise<Standing>;
  /** Verify the receipt of this browser's vote. Return null without a receipt. */
  check(id: string): Promise<Proof | null>;
  /** Report results now and whenever they change, never older ones. Return a function that stops it. */
  watch(id: string, watcher: Watcher): () => void;
}

/** Return the page's client of the service at `base`. All callers share one client and one connection. */
export function connect(base: string | URL, options?: { getToken?: GetToken | null }): Client;
