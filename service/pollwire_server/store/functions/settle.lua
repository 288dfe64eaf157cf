-- settle: a poll was looked at, and is to be looked at again when something of it falls due.
--
-- KEYS  dues (a sorted set: polls by the instant at which to look, in ms; 0: as soon as may be)
-- ARGV  poll id, score it was found with, next instant ('' none)
-- Answers {'done'}, or {'stale'} where somebody has marked the poll since, which stands.

local function settle(keys, args)
  local poll_id, found, coming = unpack(args)
  local score = redis.call('ZSCORE', keys[1], poll_id)
  if tonumber(score) ~= tonumber(found) then
    return {STALE}
  elseif coming == '' then
    redis.call('ZREM', keys[1], poll_id)
  else
    redis.call('ZADD', keys[1], coming, poll_id)
  end
  return {DONE}
end

register('settle', settle)
