-- release_poll_id: the poll that an id was claimed for is gone from its series, or was never made.
--
-- KEYS  home
-- ARGV  birth of that poll
-- Returns {'done'}, or {'stands'} where the id has been claimed for another since.
-- Guarantees: the id is free. The home goes on saying where the audit log of the deleted poll lies, as long as that.

local function release_poll_id(keys, args)
  if redis.call('HGET', keys[1], 'incarnation') ~= args[1] then
    return {NO_CHANGE}
  end
  redis.call('HSET', keys[1], 'released', 1)
  redis.call('PEXPIRE', keys[1], AUDIT_AFTER_DELETE_MS)
  return {DONE}
end

register('release_poll_id', release_poll_id)
