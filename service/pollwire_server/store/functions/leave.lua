-- leave: the poll that an id was claimed for is gone from its series, or was never made.
--
-- KEYS  home
-- ARGV  birth of that poll
-- Answers {'done'}, or {'stands'} where the id has been claimed for another since.
-- Guarantees: the id is free. The home goes on saying where the audit log of the deleted poll lies, as long as that.

local function leave(keys, args)
  if redis.call('HGET', keys[1], 'birth') ~= args[1] then
    return {STANDS}
  end
  redis.call('HSET', keys[1], 'left', 1)
  redis.call('PEXPIRE', keys[1], AUDIT_AFTER_DELETE_MS)
  return {DONE}
end

register('leave', leave)
