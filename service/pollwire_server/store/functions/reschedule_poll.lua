-- reschedule_poll: set the time of a poll's next outbox scan.
--
-- KEYS  schedule (a sorted set: polls by the time of their next scan, in ms; 0: as soon as possible)
-- ARGV  poll id, score that the caller read, next time ('' none)
-- Returns {'done'}, or {'stale'} if the score has changed since; the new score is kept.

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
