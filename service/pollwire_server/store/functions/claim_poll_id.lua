-- claim_poll_id: the id of a poll is to lie with a series; before the poll is made there, and once more after.
--
-- KEYS  poll, home (of the slot of the id)
-- ARGV  series, birth of the poll meant
-- Returns
--   {'done'}     it does; what is looked for here is found there
--   {'exists'}   a poll of this id lies here
--   {'moved', series, birth, at, now}  the id was claimed, at an instant, for a poll of another series

local function claim_poll_id(keys, args)
  local series, incarnation = unpack(args)
  local now, home = now_ms(), series_at(keys[2])
  if redis.call('EXISTS', keys[1]) == 1 then
    return {EXISTS}
  elseif home and home ~= series then
    return {MOVED, unpack(read_claim(keys[2], now))}
  end
  redis.call('HSET', keys[2], 'series', series, 'incarnation', incarnation, 'at', int_string(now))
  redis.call('HDEL', keys[2], 'released')
  redis.call('PERSIST', keys[2])
  return {DONE}
end

register('claim_poll_id', claim_poll_id)
