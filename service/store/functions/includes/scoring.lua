-- What a resolution of a poll of a series is about while it goes through the ballots, in one field of the poll.
--
-- 'scoring' is there while scores are given ('+') or taken back ('-'): sign, outcome (a letter), effective_at, the
-- bucket that is read (a place among KEYS), HSCAN's cursor in it, ballots done, ballots in all. Votes have ended, so
-- nothing under it changes, and whoever reads the field can go on from it.

local SCORING = '^([+-]) (%S) (%d+) (%d+) (%d+) (%d+) (%d+)$'

-- sign, outcome, ballots done, ballots in all, the bucket's place: as answers tell it.
local function scoring_of(text)
  local sign, outcome, _, place, _, done, total = text:match(SCORING)
  return sign, outcome, tonumber(done), tonumber(total), tonumber(place), text
end
