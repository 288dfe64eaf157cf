-- What a resolution of a poll of a series is about while it goes through the ballots, in one field of the poll.
--
-- 'scoring' is there while scores are given ('+') or taken back ('-'): sign, outcome (a letter), effective_at, the
-- bucket that is read (a place among KEYS), HSCAN's cursor in it, ballots done, ballots in all. Votes have ended, so
-- no ballot changes under it, and whoever reads the field can go on from it. What is to stand once everybody is
-- scored lies in the field 'verdict', as JSON, until it becomes the field 'resolution'.

local SCORING = '^([+-]) (%S) (%d+) (%d+) (%d+) (%d+) (%d+)$'
local SCORE = '>I4I4'  -- a voter's picks that were right, and all that were scored; what else is scored comes after
local Z = 1.959964     -- domain/scoring.py says what of, and why

-- sign, outcome, ballots done, ballots in all, the bucket's place, and the text itself: as answers tell it.
local function decode_scoring(text)
  local sign, outcome, _, place, _, done, total = text:match(SCORING)
  return sign, outcome, tonumber(done), tonumber(total), tonumber(place), text
end

-- The lower end of the interval in which the true rate lies.
local function wilson_lower_bound(right, forecasts)
  if right == 0 then
    return 0
  end
  local rate, square = right / forecasts, Z * Z
  local spread = Z * math.sqrt((rate * (1 - rate) + square / (4 * forecasts)) / forecasts)
  return (rate + square / (2 * forecasts) - spread) / (1 + square / forecasts)
end

-- What a resolution says, as its readers get it (store/records.py); without an outcome: annulled.
local function encode_resolution(resolution)
  return cjson.encode({outcome = resolution.outcome ~= '' and resolution.outcome or nil, option = resolution.option,
    at = int_string(resolution.now), effective_at = int_string(resolution.effective_at), by = resolution.by,
    note = resolution.note ~= '' and resolution.note or nil})
end

-- The same for the audit log, which tells outcomes by the options' ids.
local function resolution_change(before, after)
  local function previous(stored)
    return stored and {outcome = stored.outcome and stored.option or cjson.null, note = stored.note or cjson.null} or cjson.null
  end
  return cjson.encode({before = {resolution = previous(before)}, after = {resolution = previous(after)}})
end

-- The verdict stands: the poll is resolved, a version later, and that is written down and told.
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

-- An hour by which the outcome was due, and that has passed, has been kept once and is lifted.
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

-- Whether there is anybody to be scored at all.
local function has_voters(keys)
  return tonumber(redis.call('HGET', keys[2], 'voters') or 0) > 0
end
