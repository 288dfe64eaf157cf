-- recount: a recount begins, at this very instant; or is over.
--
-- KEYS  poll, tally, aside
-- ARGV  token, 'begin' or 'end'
-- Answers
--   {'gone'}
--   {'stands'}              begin: another recount is under way
--   {'conflict', phase}     begin: the ballots were archived
--   {'done', snapshot}      begun; the totals are those that stand now
--   {'done'}                over; nothing is set aside any more
-- Guarantees: from here on recount_page tells every ballot as it stood now.

local function recount(keys, args)
  local token, wish = unpack(args)
  local held = redis.call('HMGET', keys[1], 'version', 'recount')
  if not held[1] then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  local _, other = recount_under_way(keys[1], held[2], now)
  if wish == 'end' then
    if other == token then
      forget_recount(keys[1], keys[3])
    end
    return {DONE}
  elseif other then
    return {STANDS}
  elseif phase == ARCHIVED then
    return {CONFLICT, phase}
  end
  forget_recount(keys[1], keys[3])
  await_recount(keys[1], FIRST_BUCKET, token, now)
  return {DONE, snapshot(keys[1], keys[2], now, true)}
end

register('recount', recount)
