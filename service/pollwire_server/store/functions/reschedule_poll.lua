-- reschedule_poll: a poll was looked at, and is to be looked at again when something of it falls due.
--
-- KEYS  dues (a sorted set: polls by the instant at which to look, in ms; 0: as soon as may be)
-- ARGV  poll id, score it was found with, next instant ('' none)
-- Returns {'done'}, or {'stale'} where somebody has marked the poll since, which stands.

local function reschedule_poll(keys, args)
  local poll_id, found, next_at = unpack(args)
  local score = redis.call('ZSCORE', keys[1], poll_id)
  if tonumber(score) ~= tonumber(found) then
    return {STALE}
  elseif next_at == '' then
    redis.call('ZREM', keys[1], poll_id)
  else
    redis.call('ZADD', keys[1], next_at, poll_id)
  end
  return {DONE}
end

register('reschedule_poll', reschedule_poll)
