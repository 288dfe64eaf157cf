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
--   {'in_progress', ...}     as resolve_prediction; continue with score_page
--   {'waiting', poll}        another poll of the series is being scored; try again
-- Guarantees: until all scores are subtracted, the outcome and the leaderboard stay as they are. Each score is
-- subtracted exactly once. A resolve_by that has passed is removed, so that the clock does not cancel a prediction that
-- an operator is correcting.

local function unresolve_prediction(keys, args)
  local channel, poll_id, by, version_named = unpack(args)
  local version = redis.call('HGET', keys[1], 'version')
  if not version then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  if window.scoring then
    return {IN_PROGRESS, scoring.decode(window.scoring)}
  elseif phase == CLOSED_PHASE and redis.call('HGET', keys[1], 'last_action') == 'unresolve' then
    return {NO_CHANGE, snapshot(keys[1], keys[2], now, true)}
  elseif version_named ~= '' and version_named ~= version then
    return {VERSION_MOVED, tonumber(version)}
  elseif phase ~= RESOLVED_PHASE then
    return {CONFLICT, phase}
  elseif scoring.other_poll(keys, poll_id) then
    return {WAITING, scoring.other_poll(keys, poll_id)}
  end
  local stored = cjson.decode(window.resolution)
  if not (stored.outcome and is_in_series(keys) and scoring.voters_of(keys) > 0) then
    scoring.complete_reversal(keys, by, now)
    return publish_and_reply(keys, channel, poll_id, now)
  end
  redis.call('HSET', keys[1], 'verdict', by)
  scoring.begin(keys, poll_id, scoring.first_stage(keys, '-', ''), '-', '', tonumber(stored.effective_at))
  publish_and_reply(keys, channel, poll_id, now)
  return {IN_PROGRESS, scoring.decode(redis.call('HGET', keys[1], 'scoring'))}
end

register('unresolve_prediction', unresolve_prediction)
