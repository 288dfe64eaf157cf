-- delete_poll: delete a poll with all its votes.
--
-- KEYS  poll, tally, every other key of the poll, its location or the keys of its series, audit
-- ARGV  channel, poll id, name of the operator
-- Returns
--   {'done', incarnation}  deleted
--   {'gone'}               no such poll
--   {'conflict', phase}    its scores are in a leaderboard; without its votes they could never be subtracted
--   {'in_progress', ...}   a resolution is being scored (includes/scoring.lua)
-- Guarantees: all or nothing. Subscribers receive '<poll> gone'. The audit log stays for 90 days.

local function delete_poll(keys, args)
  local channel, poll_id, by = unpack(args)
  local now = now_ms()
  local before = audit_state(keys[1], keys[2], now)
  if before == '' then
    return {GONE}
  end
  local incarnation, window = redis.call('HGET', keys[1], 'incarnation'), window_of(keys[1])
  if window.scoring then
    return {IN_PROGRESS, scoring.decode(window.scoring)}
  elseif window.resolution and not window.ended and is_in_series(keys) then
    return {CONFLICT, RESOLVED_PHASE}
  end
  add_clock_events(keys, now)
  add_tombstone(keys, now)
  if is_in_series(keys) then
    leave_series(keys)
    remove_member(keys, poll_id)
  end
  unlink_poll_keys(keys, 1)
  append_audit(audit_key_in(keys), {now = now, by = by, act = 'delete', before = before, after = ''})
  redis.call('PEXPIRE', audit_key_in(keys), AUDIT_AFTER_DELETE_MS)
  redis.call('PUBLISH', channel, poll_id .. ' gone')
  return {DONE, incarnation}
end

register('delete_poll', delete_poll)
