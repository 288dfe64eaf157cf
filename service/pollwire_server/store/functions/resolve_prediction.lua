-- resolve_prediction: set the outcome of a prediction.
--
-- KEYS  poll, tally, every other key of the poll, its location or the keys of its series, audit
-- ARGV  channel, poll id, stamp of the caller's version, name of the operator, outcome (a letter; '' annuls),
--       option id of the outcome, effective_at ('' the end of voting), note ('' none), expected version ('' any),
--       '1' to correct the outcome of a resolved prediction ('' otherwise), source ('' none)
-- Returns
--   {'done', snapshot}       resolved
--   {'no_change', snapshot}  resolved so already; nothing was written
--   {'gone'}, {'stale'}      no such poll, or another version than the caller's
--   {'version', n}           the poll has version n, not the expected one
--   {'conflict', phase}      not closed, or resolved with another outcome (or, to correct, not resolved)
--   {'not_in_future', now}   effective_at is in the future
--   {'in_progress', sign, outcome, done, total, bucket, scoring}
--                            scores must be added or subtracted first: continue with score_page
--   {'waiting', poll}        another poll of the series is being scored; try again
-- Guarantees: of two concurrent calls with different outcomes one succeeds. Without voters, and for picks without a
-- series, the poll is resolved at once. Otherwise the old state stays until every voter is scored.

local function is_repeat(text, outcome, effective_at)
  local stored = cjson.decode(text)
  local same_outcome = (stored.outcome or '') == outcome
  return same_outcome and (effective_at == '' or tonumber(stored.effective_at) == tonumber(effective_at))
end

local function resolve_prediction(keys, args)
  local channel, poll_id, stamp, by, outcome, option, effective_at, note, version_named, correct,
    source = unpack(args)
  local now, window = now_ms(), window_of(keys[1])
  local phase, current = latched_phase(keys[1], window, now), stamp_of(keys[1])
  if not current then
    return {GONE}
  elseif window.scoring then
    return {IN_PROGRESS, scoring.decode(window.scoring)}
  elseif phase == RESOLVED_PHASE and is_repeat(window.resolution, outcome, effective_at) then
    return {NO_CHANGE, snapshot(keys[1], keys[2], now, true)}
  elseif version_named ~= '' and redis.call('HGET', keys[1], 'version') ~= version_named then
    return {VERSION_MOVED, tonumber(redis.call('HGET', keys[1], 'version'))}
  elseif current ~= stamp then
    return {STALE}
  elseif phase ~= (correct == '1' and RESOLVED_PHASE or CLOSED_PHASE) then
    return {CONFLICT, phase}
  elseif scoring.other_poll(keys, poll_id) then
    return {WAITING, scoring.other_poll(keys, poll_id)}
  end
  local effective = tonumber(effective_at) or window.closed_at
  if effective > now and effective_at ~= '' then
    return {NOT_IN_FUTURE, now}
  end
  local resolution = {now = now, outcome = outcome, option = option, effective_at = effective, by = by, note = note,
    source = source}
  local verdict = scoring.encode_resolution(resolution)
  local sign = correct == '1' and '~' or '+'
  local stage = scoring.first_stage(keys, sign, outcome)
  local changes_nothing = sign == '+' and outcome == ''
  if changes_nothing or not stage or scoring.voters_of(keys) == 0 then
    scoring.complete_resolution(keys, verdict, by, now)
    return publish_and_reply(keys, channel, poll_id, now)
  end
  redis.call('HSET', keys[1], 'verdict', verdict)
  scoring.begin(keys, poll_id, stage, sign, outcome, effective)
  publish_and_reply(keys, channel, poll_id, now)
  return {IN_PROGRESS, scoring.decode(redis.call('HGET', keys[1], 'scoring'))}
end

register('resolve_prediction', resolve_prediction)
