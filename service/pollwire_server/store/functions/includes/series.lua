-- Predictions that share a leaderboard and know a voter by one key. They lie in the slot of the series with what
-- that keeps: a hash with 'voter_key' and 'living', how many polls still need it; the polls by their creation; and
-- what voters have scored. In the slot of a poll's id there is a home alone, which says where the poll lies.

-- The series that the poll of a home lies with; nil where it lies here, or nowhere any more.
local function series_at(location_key)
  local stored = redis.call('HMGET', location_key, 'series', 'released')
  return not stored[2] and stored[1] or nil
end

-- Of a home that stands: series, birth of the poll it was claimed for, when, and now.
local function read_claim(location_key, now)
  local stored = redis.call('HMGET', location_key, 'series', 'incarnation', 'at')
  return {stored[1], stored[2], tonumber(stored[3]), now}
end

local function is_in_series(keys)
  return redis.call('HEXISTS', keys[1], 'series') == 1
end

-- A poll becomes one of the series; the voters' key that it is to use (the one given, if there is none yet).
local function join_series(keys, poll_id, voter_key, now)
  redis.call('HSETNX', keys[SERIES], 'voter_key', voter_key)
  redis.call('HINCRBY', keys[SERIES], 'active_polls', 1)
  redis.call('ZADD', keys[MEMBERS], now, poll_id)
  return redis.call('HGET', keys[SERIES], 'voter_key')
end

-- A poll that still has its voters needs the series' key no more; the key goes with the last that did.
local function leave_series(keys)
  if not is_in_series(keys) or redis.call('HEXISTS', keys[1], 'voter_key') == 0 then
    return
  end
  if redis.call('HINCRBY', keys[SERIES], 'active_polls', -1) == 0 then
    redis.call('HDEL', keys[SERIES], 'voter_key')
  end
end

-- A poll is gone from the series, which is gone with the last of them.
local function remove_member(keys, poll_id)
  redis.call('ZREM', keys[MEMBERS], poll_id)
  if redis.call('ZCARD', keys[MEMBERS]) == 0 then
    redis.call('UNLINK', keys[SERIES], keys[MEMBERS], keys[SCORES], keys[RANKS], keys[NAMES])
  end
end
