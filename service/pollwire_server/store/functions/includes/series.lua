-- Series: predictions that share a leaderboard and a voter key. They are stored in the slot of the series with
-- its own keys: a hash with 'voter_key' and 'active_polls' (how many polls still need the key), the polls by
-- creation time, and the scores. The slot of a poll's id holds only a location, which names the series.

-- The series of a location; nil if the poll has none, or the id was released.
local function series_at(location_key)
  local stored = redis.call('HMGET', location_key, 'series', 'released')
  return not stored[2] and stored[1] or nil
end

-- The claim in a location: series, incarnation, claim time, and now.
local function read_claim(location_key, now)
  local stored = redis.call('HMGET', location_key, 'series', 'incarnation', 'at')
  return {stored[1], stored[2], tonumber(stored[3]), now}
end

local function is_in_series(keys)
  return redis.call('HEXISTS', keys[1], 'series') == 1
end

-- Add a poll to the series. The first one selects the score that ranks the leaderboard. Return the voter key of the series (the given one if it had none).
local function join_series(keys, poll_id, voter_key, is_forecast, now)
  if redis.call('EXISTS', keys[MEMBERS]) == 0 then
    redis.call('HSETNX', keys[SERIES], 'rank_by', is_forecast and 'peer' or 'accuracy')
  end
  redis.call('HSETNX', keys[SERIES], 'voter_key', voter_key)
  redis.call('HINCRBY', keys[SERIES], 'active_polls', 1)
  redis.call('ZADD', keys[MEMBERS], now, poll_id)
  return redis.call('HGET', keys[SERIES], 'voter_key')
end

-- Count down the polls that need the voter key of the series. The key is deleted with the last one.
local function leave_series(keys)
  if not is_in_series(keys) or redis.call('HEXISTS', keys[1], 'voter_key') == 0 then
    return
  end
  if redis.call('HINCRBY', keys[SERIES], 'active_polls', -1) == 0 then
    redis.call('HDEL', keys[SERIES], 'voter_key')
  end
end

-- Remove a deleted poll from the series. The series is deleted with its last poll.
local function remove_member(keys, poll_id)
  redis.call('ZREM', keys[MEMBERS], poll_id)
  if redis.call('ZCARD', keys[MEMBERS]) == 0 then
    redis.call('UNLINK', keys[SERIES], keys[MEMBERS], keys[SCORES], keys[RANKS], keys[NAMES], keys[OTHER_RANKS])
  end
end
