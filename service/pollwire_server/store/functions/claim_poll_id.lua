-- claim_poll_id: reserve a poll id for a series. Called before the poll is created there, and again after.
--
-- KEYS  poll, location (of the slot of the id)
-- ARGV  series, incarnation of the poll
-- Returns
--   {'done'}    reserved; reads of the id are now redirected to the series
--   {'exists'}  a poll without a series has this id
--   {'moved', series, incarnation, at, now}  the id is reserved since `at` for a poll of another series

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
