-- Scoring of a prediction in a series, while it goes through the ballots. One field of the poll holds the progress.
--
-- The field 'scoring' exists while scores are added ('+') or subtracted ('-'): sign, outcome (a letter),
-- effective_at, current bucket (an index in KEYS), HSCAN cursor, ballots done, ballots in all. Voting has
-- ended, so no ballot changes meanwhile, and any worker can continue from the field. The field 'verdict' holds
-- the resolution as JSON until every voter is scored; then it becomes the field 'resolution'.

local SCORING = '^([+-]) (%S) (%d+) (%d+) (%d+) (%d+) (%d+)$'
local SCORE = '>I4I4'  -- a voter's picks that were right, and all that were scored; what else is scored comes after
local Z = 1.959964     -- quantile of the normal distribution (domain/scoring.py)

-- sign, outcome, ballots done, ballots in all, index of the bucket, and the text itself, as in replies.
local function decode_scoring(text)
  local sign, outcome, _, place, _, done, total = text:match(SCORING)
  return sign, outcome, tonumber(done), tonumber(total), tonumber(place), text
end

-- Lower bound of the Wilson interval (domain/scoring.py has the source).
local function wilson_lower_bound(right, forecasts)
  if right == 0 then
    return 0
  end
  local rate, square = right / forecasts, Z * Z
  local spread = Z * math.sqrt((rate * (1 - rate) + square / (4 * forecasts)) / forecasts)
  return (rate + square / (2 * forecasts) - spread) / (1 + square / forecasts)
end

-- A resolution as JSON (store/polls/cache.py); annulled if it has no outcome.
local function encode_resolution(resolution)
  return cjson.encode({outcome = resolution.outcome ~= '' and resolution.outcome or nil, option = resolution.option,
    at = int_string(resolution.now), effective_at = int_string(resolution.effective_at), by = resolution.by,
    note = resolution.note ~= '' and resolution.note or nil})
end

-- The change of a resolution for the audit log, which has option ids.
local function resolution_change(before, after)
  local function encoded(stored)
    if not stored then
      return cjson.null
    end
    return {outcome = stored.outcome and stored.option or cjson.null, note = stored.note or cjson.null}
  end
  return cjson.encode({before = {resolution = encoded(before)}, after = {resolution = encoded(after)}})
end

-- Store the resolution as a new version, with its event and its audit entry.
local function complete_resolution(keys, verdict, by, now)
  local before = audit_state(keys[1], keys[2], now)
  add_clock_events(keys, now)
  local stored = cjson.decode(verdict)
  stored.version = int_string(redis.call('HINCRBY', keys[1], 'version', 1))
  redis.call('HDEL', keys[1], 'scoring', 'verdict')
  redis.call('HSET', keys[1], 'resolution', cjson.encode(stored), 'last_action', 'resolve')
  add_event(keys, RESOLVED_EVENT, now, now)
  local after = audit_state(keys[1], keys[2], now)
  append_audit(audit_key_in(keys), {now = now, by = by, act = 'resolve', before = before, after = after,
    change = resolution_change(nil, stored)})
end

-- Remove a resolve_by that has passed: it has been applied once.
local function clear_passed_deadline(keys, now)
  local resolve_by = tonumber(redis.call('HGET', keys[1], 'resolve_by') or nil)
  if resolve_by and now >= resolve_by then
    redis.call('HDEL', keys[1], 'resolve_by')
  end
end

local function begin_scoring(keys, sign, outcome, effective_at)
  local total = redis.call('HGET', keys[2], 'voters')
  redis.call('UNLINK', keys[SCORED_VOTERS])
  redis.call('HSET', keys[1], 'scoring',
    table.concat({sign, outcome, int_string(effective_at), FIRST_BUCKET, 0, 0, total}, ' '))
end

-- Return true if the poll has voters to score.
local function has_voters(keys)
  return tonumber(redis.call('HGET', keys[2], 'voters') or 0) > 0
end
