-- resolve_prediction: an operator says what a prediction has come to.
--
-- KEYS  poll, tally, and every other key of the poll, its home or what its series keeps, audit
-- ARGV  channel, poll id, stamp judged by, operator's name, outcome (a letter; '' annuls) and that option's id,
--       effective_at ('' the instant at which voting ended), note ('' none), version named ('' any)
-- Returns
--   {'done', snapshot}      resolved
--   {'stands', snapshot}    it was so already; nothing was written
--   {'gone'}, {'stale'}     no poll, or another version than the one judged
--   {'version', n}          the poll is at version n, not the one named
--   {'conflict', phase}     not closed, or resolved otherwise
--   {'past', now}           effective_at lies ahead
--   {'underway', sign, outcome, done, total, place, scoring}
--                           scores are to be given or taken back first: score goes on with it
-- Guarantees: of two at once with different outcomes one wins. Without a series, without voters or annulled the
-- resolution stands at once; else when everybody is scored, and until then the poll stays closed.

local function is_repeat(text, outcome, effective_at)
  local stored = cjson.decode(text)
  local same_outcome = (stored.outcome or '') == outcome
  return same_outcome and (effective_at == '' or tonumber(stored.effective_at) == tonumber(effective_at))
end

local function resolve_prediction(keys, args)
  local channel, poll_id, stamp, by, outcome, option, effective_at, note, version_named = unpack(args)
  local now, window = now_ms(), window_of(keys[1])
  local phase, current = latched_phase(keys[1], window, now), stamp_of(keys[1])
  if not current then
    return {GONE}
  elseif window.scoring then
    return {IN_PROGRESS, decode_scoring(window.scoring)}
  elseif phase == RESOLVED_PHASE and is_repeat(window.resolution, outcome, effective_at) then
    return {NO_CHANGE, snapshot(keys[1], keys[2], now, true)}
  elseif version_named ~= '' and redis.call('HGET', keys[1], 'version') ~= version_named then
    return {VERSION_MOVED, tonumber(redis.call('HGET', keys[1], 'version'))}
  elseif current ~= stamp then
    return {STALE}
  elseif phase ~= CLOSED_PHASE then
    return {CONFLICT, phase}
  end
  local effective = tonumber(effective_at) or window.closed_at
  if effective > now and effective_at ~= '' then
    return {NOT_IN_FUTURE, now}
  end
  local resolution = {now = now, outcome = outcome, option = option, effective_at = effective, by = by, note = note}
  local verdict = encode_resolution(resolution)
  if outcome == '' or not is_in_series(keys) or not has_voters(keys) then
    complete_resolution(keys, verdict, by, now)
    return publish_and_reply(keys, channel, poll_id, now)
  end
  begin_scoring(keys, '+', outcome, effective)
  redis.call('HSET', keys[1], 'verdict', verdict)
  redis.call('HINCRBY', keys[1], 'version', 1)
  publish_and_reply(keys, channel, poll_id, now)
  return {IN_PROGRESS, decode_scoring(redis.call('HGET', keys[1], 'scoring'))}
end

register('resolve_prediction', resolve_prediction)
