-- delete_poll: a poll and every vote in it are gone.
--
-- KEYS  poll, tally, and every other key of the poll, its home or what its series keeps, audit
-- ARGV  channel, poll id, operator's name
-- Returns
--   {'done', birth}       that poll is gone
--   {'gone'}              it was so already
--   {'conflict', phase}   its scores stand in a leaderboard: without its votes they could never be taken back
--   {'underway', ...}    scores are being given or taken back (includes/scoring.lua)
-- Guarantees: all or nothing; watchers are told '<poll> gone'. The audit log alone stays, for a while.

local function delete_poll(keys, args)
  local channel, poll_id, by = unpack(args)
  local now = now_ms()
  local before = audit_state(keys[1], keys[2], now)
  if before == '' then
    return {GONE}
  end
  local incarnation, window = redis.call('HGET', keys[1], 'incarnation'), window_of(keys[1])
  if window.scoring then
    return {IN_PROGRESS, decode_scoring(window.scoring)}
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
