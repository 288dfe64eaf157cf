-- delete: a poll and every vote in it are gone.
--
-- KEYS  poll, tally, and every other key of the poll, audit
-- ARGV  channel, poll id, operator's name
-- Answers {'done'}, or {'gone'} if it was so already.
-- Guarantees: all or nothing; watchers are told '<poll> gone'. The audit log alone stays, for a while.

local function delete(keys, args)
  local channel, poll_id, by = unpack(args)
  local now = now_ms()
  local before = state_of(keys[1], keys[2], now)
  if before == '' then
    return {GONE}
  end
  tell_hours(keys, now)
  say_goodbye(keys, now)
  unlink_from(keys, 1)
  write_down(audit_key_in(keys), {now = now, by = by, act = 'delete', before = before, after = ''})
  redis.call('PEXPIRE', audit_key_in(keys), AUDIT_AFTER_DELETE_MS)
  redis.call('PUBLISH', channel, poll_id .. ' gone')
  return {DONE}
end

register('delete', delete)
