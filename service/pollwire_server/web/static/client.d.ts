/** Types of `/client.js`, for pages of your own; docs/widget.md describes them. */
export interface Option {
  id: string;
  label: string;
  image?: string | null;
  capacity?: number | null;
}

/** `outcome` is the option that came true, or null where the question was annulled. */
export interface Resolution {
  outcome: string | null;
  at: string;
  note?: string | null;
}

export interface Poll {
  id: string;
  /** `single`, `multiple`, `rating`, `ranked`, `prediction`, or a kind that came later than this file. */
  kind: string;
  question: string;
  description?: string | null;
  options: Option[] | null;
  /** How many options a vote in a `multiple` poll names. */
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
  /** Totals are not for this reader (yet): nothing below is there. */
  hidden?: boolean;
  voters?: number;
  counts?: Record<string, number>;
  mean?: number | null;
  resolution?: Resolution | null;
}

/** An option's id, a value of the scale, several ids (of a `ranked` poll the best first), or probabilities by outcome. */
export type Choice = string | number | string[] | Record<string, number>;

/** A voter's vote as it stands. */
export interface Standing {
  status?: string;
  choice: Choice;
  at: string;
  revision: number;
  correct?: boolean | null;
  receipt?: string;
}

/** What a receipt is worth now. */
export interface Proof {
  valid: boolean;
  counted: boolean;
  choice: Choice;
  at: string;
}

/** `live`: pushed as it happens; `delayed`: read every few seconds; `away`: no answer for now. */
export type Connection = 'connecting' | 'live' | 'delayed' | 'away';

export interface Watcher {
  results: (results: Results) => void;
  problem?: (error: PollwireError) => void;
  connection?: (connection: Connection) => void;
}

/** A refusal by the service, or no answer at all (`status` 0, `slug` `unreachable`). */
export class PollwireError extends Error {
  status: number;
  /** The last part of the problem's type, such as `poll-closed`. */
  slug: string;
  retryAfterMs: number | null;
  /** What else the problem says: `opens_at`, `revision`, `option`, ... */
  facts: Record<string, any>;
  /** Whether the same request may succeed later, and is safe to send again. */
  get passes(): boolean;
}

/** Your site's token for whom it has signed in; nothing where nobody is. */
export type GetToken = () => string | null | undefined | Promise<string | null | undefined>;

/** Retries go on for a minute; `onRetry` hears of each attempt that failed. */
export type OnRetry = (error: PollwireError, attempt: number) => void;

/** One service. All rejections are `PollwireError`s. */
export class Client {
  poll(id: string): Promise<Poll>;
  /** Counts once, however often the line breaks. `revision`: the vote that this one replaces, 0 for none. */
  vote(poll: Poll, choice: Choice, how?: { revision?: number; onRetry?: OnRetry }): Promise<Standing>;
  /** The vote of this browser that stands, or null. */
  mine(poll: Poll): Promise<Standing | null>;
  withdraw(poll: Poll, onRetry?: OnRetry): Promise<Standing>;
  /** Whether this browser's vote is counted, by its receipt; null where it has none. */
  check(id: string): Promise<Proof | null>;
  /** Results now and whenever they change, never an older one. Stops when the answer is called. */
  watch(id: string, watcher: Watcher): () => void;
}

/** The page's client of the service at `base`: the same one for whoever asks, over one connection. */
export function connect(base: string | URL, how?: { getToken?: GetToken | null }): Client;
