/**
 * Every text of the widget, and how numbers and times are written. English; numbers as the reader's own.
 */

const locale = navigator.languages?.find((language) => language.startsWith('en')) ?? 'en';
const whole = new Intl.NumberFormat(locale);
const decimal = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 2 });
const percent = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
const finePercent = new Intl.NumberFormat(locale, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 });
const dateAndTime = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short' });
const dateOnly = new Intl.DateTimeFormat(locale, { dateStyle: 'long' });

/** With fewer voters than this a tenth of a percent says nothing. */
const FINE_FROM = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** @param {number} count @param {string} one @param {string} many */
function counted(count, one, many) {
  return `${whole.format(count)} ${count === 1 ? one : many}`;
}

/** @param {number} number */
export function number(number) {
  return whole.format(number);
}

/** @param {number} votes @param {number} voters */
export function share(votes, voters) {
  const part = voters > 0 ? votes / voters : 0;
  return (voters >= FINE_FROM ? finePercent : percent).format(part);
}

/** How long until something: coarse while it is far, to the second when it is near. @param {number} leftMs */
export function timeLeft(leftMs) {
  const left = Math.max(0, leftMs);
  if (left >= 2 * DAY_MS) return counted(Math.floor(left / DAY_MS), 'day', 'days');
  if (left >= HOUR_MS) return `${Math.floor(left / HOUR_MS)} h ${Math.floor((left % HOUR_MS) / MINUTE_MS)} min`;
  const seconds = Math.ceil(left / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** @param {string} instant RFC 3339; in the reader's own zone */
export function moment(instant) {
  return dateAndTime.format(new Date(instant));
}

/** @param {string} instant */
export function day(instant) {
  return dateOnly.format(new Date(instant));
}

export const texts = {
  loading: 'Fetching the poll…',
  unknownPoll: 'There is no such poll, or it is not public yet.',
  takenDown: 'This poll has been taken down. Votes can no longer be cast or shown.',
  unreachable: 'The polling service does not answer. Trying again…',
  noId: 'This poll has no id: write <live-poll poll="…">.',

  /** @type {Record<string, string>} */
  phases: {
    scheduled: 'Not open yet',
    open: 'Open',
    closed: 'Closed',
    resolved: 'Resolved',
    canceled: 'Canceled',
    archived: 'Archived',
  },
  otherPhase: 'Not taking votes',
  /** @param {string} left */
  opensIn: (left) => `opens in ${left}`,
  /** @param {string} left */
  closesIn: (left) => `closes in ${left}`,
  opening: 'opening…',
  closing: 'closing…',
  /** @param {string} time */
  opensAt: (time) => `Voting opens on ${time}.`,
  /** @param {string} time */
  closedAt: (time) => `Voting ended on ${time}. These are the final totals.`,
  closedForGood: 'Voting has ended. These are the final totals.',
  canceled: 'The operators canceled this poll.',
  annulled: 'The question was annulled: no outcome counts.',
  outcome: 'Came true',

  vote: 'Vote',
  voting: 'Sending…',
  change: 'Change my vote',
  save: 'Save my change',
  keep: 'Keep it as it is',
  takeBack: 'Take my vote back',
  again: 'Vote again',
  yours: 'Your vote',
  chooseOne: 'Choose an answer first.',
  /** @param {number} min @param {number} max */
  chooseSome: (min, max) => {
    if (min === max) return `Choose ${counted(min, 'answer', 'answers')}.`;
    return min <= 1 ? `Choose up to ${counted(max, 'answer', 'answers')}.` : `Choose ${min} to ${max} answers.`;
  },
  cannotVoteHere: 'Votes of this kind cannot be cast here yet; you see the results.',

  hiddenUntilVote: 'You will see the results as soon as you have voted.',
  hiddenUntilClose: 'The results appear when voting has ended.',
  hiddenUntilPublished: 'The results appear when they are published.',

  counted: 'Thank you. Your vote is counted.',
  changed: 'Your vote was changed.',
  unchanged: 'Your vote stands.',
  withdrawn: 'Your vote was taken back.',
  retrying: 'The line is bad. Your vote is safe here and will be sent again…',
  gaveUp: 'Your vote has not reached us. Try again; it will be counted once only.',
  alreadyVoted: 'You have voted before, and that vote stands.',
  movedOn: 'You have changed your vote elsewhere since. This is how it stands now.',
  tooLate: 'Voting has ended. This vote was not counted.',
  tooEarly: 'Voting has not opened yet. This vote was not counted.',
  nowOpen: 'Voting is open now.',
  nowClosed: 'Voting has ended.',

  /** @param {number} count */
  voters: (count) => counted(count, 'voter', 'voters'),
  /** @param {number} count */
  votes: (count) => counted(count, 'vote', 'votes'),
  severalEach: 'several answers each',
  /** @param {number} mean */
  mean: (mean) => `average ${decimal.format(mean)}`,
  /** @type {Record<import('../client/types.js').Connection, string>} */
  connections: { connecting: 'Connecting…', live: 'Live', delayed: 'Every few seconds', away: 'Reconnecting…' },
  final: 'Final',
};
