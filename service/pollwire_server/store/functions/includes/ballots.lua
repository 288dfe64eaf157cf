-- Format of stored ballots: field = voter (16 bytes), value = revision (3 bytes), at (6 bytes, ms), code; big-endian.
-- An empty code is a tombstone of a withdrawn vote. It keeps the revision, so that a late retry is still rejected.
-- The ballots of a poll are in 16 hashes, selected by the low half of the voter's first byte. This keeps each
-- one small.

local VOTER_BYTES = 16
local STORED_BALLOT = '>I3I6'
local STORED_BALLOT_BYTES = 9
local HIGHEST_REVISION = 0xFFFFFF
local CHUNK = 1000  -- arguments of one command: Lua's unpack gives up near 8,000

-- KEYS of functions that use every ballot: poll, tally, 16 buckets, rankings, recount_saved, timeline, outbox,
-- rate_limits, tags, history, scored_voters.
local FIRST_BUCKET = 3
local RANKINGS = FIRST_BUCKET + 16
local RECOUNT_SAVED = RANKINGS + 1
local TIMELINE = RECOUNT_SAVED + 1
local OUTBOX = TIMELINE + 1
local RATE_LIMITS = OUTBOX + 1
local TAGS = RATE_LIMITS + 1
local HISTORY = TAGS + 1
local SCORED_VOTERS = HISTORY + 1  -- voters that a scoring has summed in its current bucket

-- Functions of operators also take, before the audit log, the location in the slot of the id or, for a poll of
-- a series, the keys of the series (includes/series.lua).
local LOCATION = SCORED_VOTERS + 1
local SERIES = SCORED_VOTERS + 1
local MEMBERS, SCORES, RANKS, NAMES = SERIES + 1, SERIES + 2, SERIES + 3, SERIES + 4
local OTHER_RANKS = NAMES + 1

local function bucket_of(voter)
  return FIRST_BUCKET + voter:byte() % 16
end

local function pack_ballot(revision, at, code)
  return struct.pack(STORED_BALLOT, math.min(revision, HIGHEST_REVISION), at) .. code
end

-- revision, at, code of a stored value; 0, 0, '' if there is none.
local function unpack_ballot(stored)
  if not stored then
    return 0, 0, ''
  end
  local revision, at = struct.unpack(STORED_BALLOT, stored)
  return revision, at, stored:sub(STORED_BALLOT_BYTES + 1)
end

-- Decode an expected revision: 3 bytes, the revision plus one; 0 means any (nil).
local function decode_expected_revision(text, from)
  local named = struct.unpack('>I3', text, from)
  if named == 0 then
    return nil
  end
  return named - 1
end

-- Add delta to every letter of the code. A letter is an option and counts once.
local function count_letters(deltas, code, delta)
  for position = 1, #code do
    local letter = code:sub(position, position)
    deltas[letter] = (deltas[letter] or 0) + delta
  end
end

-- How the codes of a poll are counted, from its fields 'ranked' and 'forecast': nil by letters alone.
local function new_counting(ranked, letters)
  if letters then
    return {letters = letters}
  end
  return ranked and {rankings = {}} or nil
end

-- Add delta to the counts of a code: each of its letters, in a ranked poll its first letter and the whole
-- ranking, or all totals of a forecast. The code is not empty.
local function count_code(deltas, counting, code, delta)
  if counting then
    if counting.letters then
      return forecasts.count(deltas, counting, code, delta)
    end
    counting.rankings[code] = (counting.rankings[code] or 0) + delta
    code = code:sub(1, 1)
  end
  count_letters(deltas, code, delta)
end

-- Add the changes of the numbers of voters by ranking. A ranking without voters is removed.
local function add_rankings(rankings_key, counting)
  for ranking, delta in pairs(counting and counting.rankings or {}) do
    if delta ~= 0 and redis.call('HINCRBY', rankings_key, ranking, delta) == 0 then
      redis.call('HDEL', rankings_key, ranking)
    end
  end
end

-- Add the changes of a forecast's totals, which are many: one HMGET and one HSET for each CHUNK / 2 of them.
local function add_forecast_counts(tally_key, deltas)
  local names = {}
  for name, delta in pairs(deltas) do
    if delta ~= 0 then
      names[#names + 1] = name
    end
  end
  for from = 1, #names, CHUNK / 2 do
    local upto, fields = math.min(from + CHUNK / 2 - 1, #names), {}
    for place, stored in ipairs(redis.call('HMGET', tally_key, unpack(names, from, upto))) do
      local name = names[from + place - 1]
      fields[#fields + 1] = name
      fields[#fields + 1] = int_string((tonumber(stored) or 0) + deltas[name])
    end
    redis.call('HSET', tally_key, unpack(fields))
  end
end

local function add_counts(tally_key, deltas, counting)
  if counting and counting.letters then
    return add_forecast_counts(tally_key, deltas)
  end
  for name, delta in pairs(deltas) do
    if delta ~= 0 then
      redis.call('HINCRBY', tally_key, name, delta)
    end
  end
end

-- Stored ballots by voter (nil if none): one HMGET for each bucket and CHUNK voters.
local function read_ballots(keys, voters_by_bucket)
  local stored = {}
  for bucket, voters in pairs(voters_by_bucket) do
    for from = 1, #voters, CHUNK do
      local upto = math.min(from + CHUNK - 1, #voters)
      local values = redis.call('HMGET', keys[bucket], unpack(voters, from, upto))
      for position = 1, #values do
        stored[voters[from + position - 1]] = values[position] or nil
      end
    end
  end
  return stored
end

-- Write field -> value into the buckets of the fields: one HSET for each bucket and CHUNK arguments.
local function write_ballots(keys, values)
  local by_bucket = {}
  for field, value in pairs(values) do
    local bucket = bucket_of(field)
    local pairs_of_bucket = by_bucket[bucket] or {}
    by_bucket[bucket] = pairs_of_bucket
    pairs_of_bucket[#pairs_of_bucket + 1] = field
    pairs_of_bucket[#pairs_of_bucket + 1] = value
  end
  for bucket, fields in pairs(by_bucket) do
    for from = 1, #fields, CHUNK do
      redis.call('HSET', keys[bucket], unpack(fields, from, math.min(from + CHUNK - 1, #fields)))
    end
  end
end
