-- release_poll_id: release a poll id that was reserved for a series.
--
-- KEYS  location
-- ARGV  incarnation of the poll
-- Returns {'done'}, or {'no_change'} if the id was reserved for another poll since.
-- Guarantees: the id is free. The location expires with the audit log of the deleted poll, which it still locates.

local function release_poll_id(keys, args)
  if redis.call('HGET', keys[1], 'incarnation') ~= args[1] then
    return {NO_CHANGE}
  end
  redis.call('HSET', keys[1], 'released', 1)
  redis.call('PEXPIRE', keys[1], AUDIT_AFTER_DELETE_MS)
  return {DONE}
end

register('release_poll_id', release_poll_id)
