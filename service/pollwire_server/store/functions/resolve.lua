-- resolve: an operator says what a prediction has come to.
--
-- KEYS  poll, tally, and every other key of the poll, its home or what its series keeps, audit
-- ARGV  channel, poll id, stamp judged by, operator's name, outcome (a letter; '' annuls) and that option's id,
--       effective_at ('' the instant at which voting ended), note ('' none), version named ('' any)
-- Answers
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
  local held = cjson.decode(text)
  local same_outcome = (held.outcome or '') == outcome
  return same_outcome and (effective_at == '' or tonumber(held.effective_at) == tonumber(effective_at))
end

local function resolve(keys, args)
  local channel, poll_id, stamp, by, outcome, option, effective_at, note, version_named = unpack(args)
  local now, window = now_ms(), window_of(keys[1])
  local phase, standing = latched_phase(keys[1], window, now), stamp_of(keys[1])
  if not standing then
    return {GONE}
  elseif window.scoring then
    return {UNDER_WAY, scoring_of(window.scoring)}
  elseif phase == SETTLED and is_repeat(window.resolution, outcome, effective_at) then
    return {STANDS, snapshot(keys[1], keys[2], now, true)}
  elseif version_named ~= '' and redis.call('HGET', keys[1], 'version') ~= version_named then
    return {VERSION_MOVED, tonumber(redis.call('HGET', keys[1], 'version'))}
  elseif standing ~= stamp then
    return {STALE}
  elseif phase ~= OVER then
    return {CONFLICT, phase}
  end
  local effective = tonumber(effective_at) or window.closed_at
  if effective > now and effective_at ~= '' then
    return {PAST, now}
  end
  local said = {now = now, outcome = outcome, option = option, effective_at = effective, by = by, note = note}
  local verdict = verdict_of(said)
  if outcome == '' or not is_in_series(keys) or not has_voters(keys) then
    settle_as(keys, verdict, by, now)
    return announced(keys, channel, poll_id, now)
  end
  begin_scoring(keys, '+', outcome, effective)
  redis.call('HSET', keys[1], 'verdict', verdict)
  redis.call('HINCRBY', keys[1], 'version', 1)
  announced(keys, channel, poll_id, now)
  return {UNDER_WAY, scoring_of(redis.call('HGET', keys[1], 'scoring'))}
end

register('resolve', resolve)
