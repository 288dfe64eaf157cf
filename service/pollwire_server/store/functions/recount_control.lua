-- recount_control: begin or end a recount.
--
-- KEYS  poll, tally, recount_saved
-- ARGV  token, 'begin' or 'end'
-- Returns
--   {'gone'}             no such poll
--   {'no_change'}        begin: another recount is running
--   {'conflict', phase}  begin: the ballots were archived
--   {'done', snapshot}   begun; the totals are those of this instant
--   {'done'}             ended; all saved ballots are deleted
-- Guarantees: after begin, recount_page returns every ballot as it was at this instant.

local function recount_control(keys, args)
  local token, command = unpack(args)
  local stored = redis.call('HMGET', keys[1], 'version', 'recount')
  if not stored[1] then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  local _, other = active_recount(keys[1], stored[2], now)
  if command == 'end' then
    if other == token then
      end_recount(keys[1], keys[3])
    end
    return {DONE}
  elseif other then
    return {NO_CHANGE}
  elseif phase == ARCHIVED_PHASE then
    return {CONFLICT, phase}
  end
  end_recount(keys[1], keys[3])
  extend_recount(keys[1], FIRST_BUCKET, token, now)
  return {DONE, snapshot(keys[1], keys[2], now, true)}
end

register('recount_control', recount_control)
