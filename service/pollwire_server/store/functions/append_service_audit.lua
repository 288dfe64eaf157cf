-- append_service_audit: append an entry to the audit log of the service, if it follows the newest one.
--
-- KEYS  log
-- ARGV  number of the entry, hash of the entry before ('' for the first), entry (JSON), hash of the entry,
--       maximum number of entries
-- Returns {'done'}, or {'version', number and hash of the newest entry (0 and '' without one)}

local function append_service_audit(keys, args)
  local number, previous, entry, hash, most = unpack(args)
  local newest_number, newest_hash = '0', ''
  local newest = redis.call('XREVRANGE', keys[1], '+', '-', 'COUNT', 1)[1]
  if newest then
    newest_number = newest[1]:match('^%d+')
    newest_hash = newest[2][4]
  end
  if newest_hash ~= previous or tonumber(newest_number) + 1 ~= tonumber(number) then
    return {VERSION_MOVED, newest_number, newest_hash}
  end
  redis.call('XADD', keys[1], 'MAXLEN', '=', most, number .. '-0', 'entry', entry, 'hash', hash)
  return {DONE}
end

register('append_service_audit', append_service_audit)
