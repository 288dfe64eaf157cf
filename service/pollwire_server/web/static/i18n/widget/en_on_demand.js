/** The widget in English: texts of modules that are loaded on demand. Other languages have them in their one file. */
export const ranking = {
  chooseRanking: 'Rank at least one answer first.',
  rankHint: 'Tap answers in order of preference, or drag them. You don’t have to rank them all.',
  unranked: 'Not ranked',
  rank: 'Rank {label}',
  moveUp: 'Move {label} up',
  moveDown: 'Move {label} down',
  unrank: 'Remove {label} from your ranking',
  rankedAt: '{label}: ranked {n} of {all}',
  notRanked: '{label}: not ranked',
};

export const receipts = {
  voteCounted: 'Your vote for {choice} ({time}) is counted.',
  voteReplaced: 'You changed this vote later, so it is no longer counted.',
  voteArchived: 'This poll is archived and individual votes have been deleted, so your vote can’t be verified.',
  voteRemoved: 'This vote was removed, so it is no longer counted.',
};

export const forecasts = {
  forecastCrowd: 'Median {median}; half of the forecasts are from {low} to {high}.',
  forecastPayoff: 'If this happens: {points} points',
  forecastVersusCrowd: '{points} against the crowd',
  forecastPercentOf: '{label}, percent',
  forecastLock: 'Keep {label} as it is',
  forecastInvalid: 'Write 70, 70%, .7, 7:3 or 1 in 200.',
};
