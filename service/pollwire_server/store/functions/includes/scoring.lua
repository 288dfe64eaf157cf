-- Scoring of a prediction: resolving it, correcting the resolution, or reversing it. The work goes through all ballots in
-- pages; one field of the poll holds the progress.
--
-- The field 'scoring' exists meanwhile: stage, sign, outcome (a letter, '-' none), effective_at, current bucket (an
-- index in KEYS), HSCAN cursor, ballots done, ballots in all. Voting has ended, so no ballot changes, and any worker can
-- continue from the field. Signs: '+' resolves, '~' corrects, '-' reverses.
-- Stages, each through all ballots:
--   sum    adds up the forecasts (only forecasts): their number, mean and mean log probability
--   copy   copies ranking values that an earlier release wrote (goes through the rows of the series, once)
--   give   writes each voter's change as a pending change (includes/score_rows.lua)
--   level  updates the other set of ranking values
-- After the last ballot of 'give' one step sets or removes the resolution and shows the new leaderboard. The field
-- 'verdict' holds the coming resolution as JSON until then.

local scoring = {
  FIELD = '^(%a+) ([+~-]) (%S) (%d+) (%d+) (%d+) (%d+) (%d+)$',
  NANO = 1000000000,
}

do

local Z = 1.959964  -- quantile of the normal distribution (domain/scoring.py)
local NO_OUTCOME = '-'

-- The parts of the field. A scoring that an earlier release began has no stage: it is in 'give'.
function scoring.parts(text)
  return (text:match('^%a') and text or 'give ' .. text):match(scoring.FIELD)
end

-- sign, outcome, ballots done, ballots in all, index of the bucket, and the text itself, as in replies.
function scoring.decode(text)
  local _, sign, outcome, _, place, _, done, total = scoring.parts(text)
  return sign, outcome, tonumber(done), tonumber(total), tonumber(place), text
end

-- Lower bound of the Wilson interval (domain/scoring.py has the source).
function scoring.wilson_lower_bound(right, forecasts)
  if right == 0 then
    return 0
  end
  local rate, square = right / forecasts, Z * Z
  local spread = Z * math.sqrt((rate * (1 - rate) + square / (4 * forecasts)) / forecasts)
  return (rate + square / (2 * forecasts) - spread) / (1 + square / forecasts)
end

-- A resolution as JSON (store/polls/cache.py); annulled if it has no outcome.
function scoring.encode_resolution(resolution)
  return cjson.encode({outcome = resolution.outcome ~= '' and resolution.outcome or nil, option = resolution.option,
    at = int_string(resolution.now), effective_at = int_string(resolution.effective_at), by = resolution.by,
    note = resolution.note ~= '' and resolution.note or nil,
    source = resolution.source ~= '' and resolution.source or nil})
end

-- The change of a resolution for the audit log, which has option ids.
local function resolution_change(before, after)
  local function encoded(stored)
    if not stored then
      return cjson.null
    end
    return {outcome = stored.outcome and stored.option or cjson.null, note = stored.note or cjson.null,
      source = stored.source}
  end
  return cjson.encode({before = {resolution = encoded(before)}, after = {resolution = encoded(after)}})
end

-- Store the resolution as a new version, with its event and its audit entry.
function scoring.complete_resolution(keys, verdict, by, now)
  local before = audit_state(keys[1], keys[2], now)
  local replaced = redis.call('HGET', keys[1], 'resolution')
  add_clock_events(keys, now)
  local stored = cjson.decode(verdict)
  stored.version = int_string(redis.call('HINCRBY', keys[1], 'version', 1))
  redis.call('HDEL', keys[1], 'verdict')
  redis.call('HSET', keys[1], 'resolution', cjson.encode(stored), 'last_action', 'resolve')
  add_event(keys, replaced and CORRECTED_EVENT or RESOLVED_EVENT, now, now)
  local after = audit_state(keys[1], keys[2], now)
  append_audit(audit_key_in(keys), {now = now, by = by, act = 'resolve', before = before, after = after,
    change = resolution_change(replaced and cjson.decode(replaced), stored)})
end

-- Remove a resolve_by that has passed: it has been applied once.
local function clear_passed_deadline(keys, now)
  local resolve_by = tonumber(redis.call('HGET', keys[1], 'resolve_by') or nil)
  if resolve_by and now >= resolve_by then
    redis.call('HDEL', keys[1], 'resolve_by')
  end
end

-- Remove the resolution as a new version, with its event and its audit entry. The poll is closed again.
function scoring.complete_reversal(keys, by, now)
  local before, stored = audit_state(keys[1], keys[2], now), redis.call('HGET', keys[1], 'resolution')
  clear_passed_deadline(keys, now)
  redis.call('HDEL', keys[1], 'resolution', 'verdict')
  redis.call('HSET', keys[1], 'last_action', 'unresolve')
  redis.call('HINCRBY', keys[1], 'version', 1)
  add_event(keys, CORRECTED_EVENT, now, now)
  local after = audit_state(keys[1], keys[2], now)
  append_audit(audit_key_in(keys), {now = now, by = by, act = 'unresolve', before = before, after = after,
    change = resolution_change(cjson.decode(stored), nil)})
end

-- Number of voters to score.
function scoring.voters_of(keys)
  return tonumber(redis.call('HGET', keys[2], 'voters') or 0)
end

-- First stage of a scoring.
function scoring.first_stage(keys, sign, outcome)
  if sign ~= '-' and outcome ~= '' and redis.call('HEXISTS', keys[1], 'forecast') == 1 then
    return 'sum'
  end
  return scoring.stage_after_sum(keys)
end

-- Stage after 'sum': nil if the poll has no series, and all is done.
function scoring.stage_after_sum(keys)
  if not is_in_series(keys) then
    return nil
  end
  local is_old = redis.call('HEXISTS', keys[SERIES], 'settled') == 0 and redis.call('EXISTS', keys[SCORES]) == 1
  return is_old and 'copy' or 'give'
end

-- Id of another poll of the series that is being scored; nil if none is.
function scoring.other_poll(keys, poll_id)
  local busy = is_in_series(keys) and redis.call('HGET', keys[SERIES], 'busy')
  return busy and busy ~= poll_id and busy or nil
end

-- Prepare a scoring that an earlier release began: its rows are settled, and its ranking values are in one set.
function scoring.adopt(keys, poll_id)
  if redis.call('HEXISTS', keys[SERIES], 'settled') == 0 then
    redis.call('ZUNIONSTORE', keys[OTHER_RANKS], 1, keys[RANKS])
    redis.call('HSET', keys[SERIES], 'settled', 0)
  end
  redis.call('HSET', keys[SERIES], 'busy', poll_id)
end

function scoring.begin(keys, poll_id, stage, sign, outcome, effective_at)
  local stages = (stage == 'sum' and 1 or 0) + (is_in_series(keys) and 2 or 0)
  redis.call('UNLINK', keys[SCORED_VOTERS])
  redis.call('HDEL', keys[1], 'sums')
  redis.call('HSET', keys[1], 'scoring', table.concat({stage, sign, outcome == '' and NO_OUTCOME or outcome,
    int_string(effective_at), FIRST_BUCKET, 0, 0, stages * scoring.voters_of(keys)}, ' '))
  if is_in_series(keys) then
    redis.call('HSET', keys[SERIES], 'busy', poll_id)
  end
  redis.call('HINCRBY', keys[1], 'version', 1)
end

-- Return the rules that score a vote under a resolution (decoded JSON); nil if the resolution scores none.
function scoring.rules(resolution, letters, is_ordered)
  if not (resolution and resolution.outcome) then
    return nil
  end
  local rules = {outcome = resolution.outcome, effective_at = tonumber(resolution.effective_at)}
  if letters then
    rules.place, rules.ordered = letters:find(resolution.outcome, 1, true), is_ordered
    rules.number = tonumber(resolution.forecasters or 0)
    rules.mean_log = rules.number > 0 and tonumber(resolution.log_sum) / rules.number / scoring.NANO or 0
    rules.crowd_brier = tonumber(resolution.crowd and resolution.crowd.brier or 0)
  end
  return rules
end

local function round_half_up(value)
  return math.floor(value + 0.5)
end

-- Brier score in millionths, or the ranked probability score of ordered outcomes (domain/forecast_scoring.py).
function scoring.brier(values, place, is_ordered)
  local total, cumulative, micro = 0, 0, forecasts.MICRO
  if is_ordered then
    for index = 1, #values - 1 do
      cumulative = cumulative + values[index]
      total = total + (cumulative - (place <= index and micro or 0)) ^ 2
    end
    return round_half_up(total / (#values - 1) / micro)
  end
  for index = 1, #values do
    total = total + (values[index] - (index == place and micro or 0)) ^ 2
  end
  return round_half_up(total / 2 / micro)
end

-- Sums of a row that one vote adds: right, forecasts, Brier, baseline, peer, coverage, the crowd's Brier.
function scoring.score(code, rules)
  if code == '' or not rules then
    return {}
  elseif not rules.place then
    return {code == rules.outcome and 1 or 0, 1}
  end
  local values, micro, peer = forecasts.decode(code), forecasts.MICRO, 0
  local log_value = math.log(forecasts.apply_floor(values)[rules.place])
  if rules.number > 1 then
    peer = round_half_up(100 * rules.number / (rules.number - 1) * (log_value - rules.mean_log) * micro)
  end
  return {forecasts.likeliest(values) == rules.place and 1 or 0, 1, scoring.brier(values, rules.place, rules.ordered),
    round_half_up(100 * (1 + log_value / math.log(#values)) * micro), peer, micro, rules.crowd_brier}
end

-- Scores of the mean forecast, as texts in millionths.
function scoring.crowd_scores(sums, place, is_ordered)
  local number = sums.number
  local shares, missing, order = {}, forecasts.MICRO, {}
  for index, sum in ipairs(sums.values) do
    shares[index], order[index] = math.floor(sum / number), index
    missing = missing - shares[index]
  end
  table.sort(order, function(a, b)
    local first, second = sums.values[a] % number, sums.values[b] % number
    return first > second or (first == second and a < b)
  end)
  for index = 1, missing do
    shares[order[index]] = shares[order[index]] + 1
  end
  local log_value, micro = math.log(forecasts.apply_floor(shares)[place]), forecasts.MICRO
  return {right = int_string(forecasts.likeliest(shares) == place and 1 or 0),
    brier = int_string(scoring.brier(shares, place, is_ordered)),
    baseline = int_string(round_half_up(100 * (1 + log_value / math.log(#shares)) * micro)),
    peer = int_string(round_half_up(100 * (log_value - sums.log_sum / number / scoring.NANO) * micro))}
end

end
