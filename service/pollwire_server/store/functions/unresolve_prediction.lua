-- unresolve_prediction: remove the outcome of a prediction. The poll is closed again and scores are subtracted.
--
-- KEYS  poll, tally, every other key of the poll, its location or the keys of its series, audit
-- ARGV  channel, poll id, name of the operator, expected version ('' any)
-- Returns
--   {'done', snapshot}       closed again
--   {'no_change', snapshot}  this was the last action already; nothing was written
--   {'gone'}                 no such poll
--   {'version', n}           the poll has version n, not the expected one
--   {'conflict', phase}      not resolved
--   {'in_progress', ...}     as resolve_prediction; scores are being subtracted by this call or an earlier one
-- Guarantees: each score is subtracted exactly once. A resolve_by that has passed is removed, so that the
-- clock does not cancel a prediction that an operator is correcting.

local function unresolve_prediction(keys, args)
  local channel, poll_id, by, version_named = unpack(args)
  local version = redis.call('HGET', keys[1], 'version')
  if not version then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  if window.scoring then
    return {IN_PROGRESS, decode_scoring(window.scoring)}
  elseif phase == CLOSED_PHASE and redis.call('HGET', keys[1], 'last_action') == 'unresolve' then
    return {NO_CHANGE, snapshot(keys[1], keys[2], now, true)}
  elseif version_named ~= '' and version_named ~= version then
    return {VERSION_MOVED, tonumber(version)}
  elseif phase ~= RESOLVED_PHASE then
    return {CONFLICT, phase}
  end
  local before, stored = audit_state(keys[1], keys[2], now), cjson.decode(window.resolution)
  clear_passed_deadline(keys, now)
  redis.call('HDEL', keys[1], 'resolution')
  redis.call('HSET', keys[1], 'last_action', 'unresolve')
  redis.call('HINCRBY', keys[1], 'version', 1)
  if stored.outcome and is_in_series(keys) and has_voters(keys) then
    begin_scoring(keys, '-', stored.outcome, tonumber(stored.effective_at))
  end
  add_event(keys, CORRECTED_EVENT, now, now)
  local after = audit_state(keys[1], keys[2], now)
  append_audit(audit_key_in(keys), {now = now, by = by, act = 'unresolve', before = before, after = after,
    change = resolution_change(stored, nil)})
  local answer, scoring = publish_and_reply(keys, channel, poll_id, now), redis.call('HGET', keys[1], 'scoring')
  return scoring and {IN_PROGRESS, decode_scoring(scoring)} or answer
end

register('unresolve_prediction', unresolve_prediction)
