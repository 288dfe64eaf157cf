-- score_page: run one page of a scoring (includes/scoring.lua).
--
-- KEYS  poll, tally, every other key of the poll, its location or the keys of its series, audit
-- ARGV  channel, poll id, value of the poll's field 'scoring' that this step continues
-- Returns
--   {'gone'}              no such poll
--   {'stale'}             another step has continued from there; nothing was written
--   {'in_progress', ...}  as resolve_prediction: more pages are left
--   {'done', snapshot}    complete
-- Guarantees: the field is compared and written in the same step, so each page counts once, however often it is sent.
-- HSCAN can return a field twice: 'sum' stores the voters of its bucket, the other stages write the same row again.
-- The vote that was current at effective_at scores. Pages are small, so that votes in other polls wait for a few
-- milliseconds.

local PAGE_SIZE = 250
local PAGE_PROBABILITIES = 2000  -- a page of forecasts has fewer ballots if there are many outcomes

-- Return the state that scoring needs.
local function read_context(keys, sign)
  local stored = redis.call('HMGET', keys[1], 'forecast', 'ordered', 'resolution', 'verdict')
  local letters = stored[1] or nil
  local verdict = sign ~= '-' and stored[4] and cjson.decode(stored[4]) or nil
  local resolution = stored[3] and cjson.decode(stored[3]) or nil
  return {letters = letters, is_ordered = stored[2] and true or false, verdict = verdict,
    new = scoring.rules(verdict, letters, stored[2]), old = scoring.rules(resolution, letters, stored[2]),
    resolution = resolution}
end

-- Stored ballots of a page and the histories of their voters: {voter, ballot, history}.
local function read_page(keys, flat)
  local stored, page = {}, {}
  for index = 1, #flat, 2 do
    if #flat[index] == VOTER_BYTES then
      stored[flat[index]] = flat[index + 1]
    end
  end
  local histories = vote_history.read(keys[HISTORY], stored)
  for voter, ballot in pairs(stored) do
    page[#page + 1] = {voter, ballot, histories[voter]}
  end
  return page
end

-- Ballots of a page that this bucket has not summed yet.
local function only_new(keys, page)
  local new = {}
  for _, entry in ipairs(page) do
    if redis.call('SADD', keys[SCORED_VOTERS], entry[1]) == 1 then
      new[#new + 1] = entry
    end
  end
  return new
end

local function read_sums(keys, outcomes)
  local sums, place = {number = 0, log_sum = 0, values = {}}, 0
  for index = 1, outcomes do
    sums.values[index] = 0
  end
  for text in (redis.call('HGET', keys[1], 'sums') or ''):gmatch('%S+') do
    if place == 0 then
      sums.number = tonumber(text)
    elseif place == 1 then
      sums.log_sum = tonumber(text)
    else
      sums.values[place - 1] = tonumber(text)
    end
    place = place + 1
  end
  return sums
end

local function write_sums(keys, sums)
  local texts = {int_string(sums.number), string.format('%.0f', sums.log_sum)}
  for _, value in ipairs(sums.values) do
    texts[#texts + 1] = string.format('%.0f', value)
  end
  redis.call('HSET', keys[1], 'sums', table.concat(texts, ' '))
end

local STAGES = {}

function STAGES.sum(keys, page, context)
  local sums, rules = read_sums(keys, #context.letters), context.new
  for _, entry in ipairs(only_new(keys, page)) do
    local code = vote_history.code_at(entry[2], entry[3], rules.effective_at)
    if code ~= '' then
      local values = forecasts.decode(code)
      sums.number = sums.number + 1
      sums.log_sum = sums.log_sum + math.floor(math.log(forecasts.apply_floor(values)[rules.place]) * scoring.NANO + 0.5)
      for index, value in ipairs(values) do
        sums.values[index] = sums.values[index] + value
      end
    end
  end
  write_sums(keys, sums)
end

function STAGES.give(keys, page, context)
  local settings = rows.settings(keys[SERIES])
  local hidden, version = rows.rank_keys(keys, settings), settings.settled + 1
  for _, entry in ipairs(page) do
    local voter, ballot, history = unpack(entry)
    local base, given = rows.decode(redis.call('HGET', keys[SCORES], voter), settings.settled)
    local change = scoring.score(context.new and vote_history.code_at(ballot, history, context.new.effective_at) or '',
      context.new)
    local taken = scoring.score(context.old and vote_history.code_at(ballot, history, context.old.effective_at) or '',
      context.old)
    for index, value in pairs(taken) do
      change[index] = (change[index] or 0) - value
    end
    -- Only an earlier release stores scored voters in this stage.
    local scored = redis.call('SISMEMBER', keys[SCORED_VOTERS], voter) == 1
    if not (given or scored) and next(change) then
      change = rows.sums_added(change, {})
      redis.call('HSET', keys[SCORES], voter, rows.encode(base, version, change))
      rows.rank(hidden, voter, rows.sums_added(base, change), settings)
    end
  end
end

function STAGES.level(keys, page)
  local settings = rows.settings(keys[SERIES])
  local hidden = rows.rank_keys(keys, settings)
  for _, entry in ipairs(page) do
    local voter = entry[1]
    local stored = redis.call('HGET', keys[SCORES], voter)
    if stored then
      local sums = rows.decode(stored, settings.settled)
      rows.rank(hidden, voter, sums, settings)
      if sums[2] == 0 then
        redis.call('HDEL', keys[SCORES], voter)
      end
    end
  end
end

-- Add the sums to the coming resolution.
local function complete_sum(keys, context)
  local sums, verdict = read_sums(keys, #context.letters), context.verdict
  verdict.forecasters, verdict.log_sum = int_string(sums.number), string.format('%.0f', sums.log_sum)
  if sums.number > 0 then
    verdict.crowd = scoring.crowd_scores(sums, context.new.place, context.is_ordered)
  end
  redis.call('HSET', keys[1], 'verdict', cjson.encode(verdict))
  redis.call('HDEL', keys[1], 'sums')
end

-- Add the crowd's scores under a resolution to those of the series, or subtract them.
local function add_crowd(keys, resolution, delta)
  if resolution and resolution.crowd then
    redis.call('HINCRBY', keys[SERIES], 'crowd_forecasts', delta)
    for name, value in pairs(resolution.crowd) do
      redis.call('HINCRBY', keys[SERIES], 'crowd_' .. name, int_string(delta * tonumber(value)))
    end
  end
end

-- Set or remove the resolution, and show the new leaderboard: the one step that readers see.
local function switch(keys, sign, now)
  local context = read_context(keys, sign)
  if sign == '-' and not context.resolution then
    redis.call('HINCRBY', keys[1], 'version', 1)
  elseif sign == '-' then
    scoring.complete_reversal(keys, redis.call('HGET', keys[1], 'verdict'), now)
  else
    scoring.complete_resolution(keys, redis.call('HGET', keys[1], 'verdict'), context.verdict.by, now)
  end
  if is_in_series(keys) then
    local settings = rows.settings(keys[SERIES])
    redis.call('HSET', keys[SERIES], 'settled', settings.settled + 1, 'shown', 1 - settings.shown)
    add_crowd(keys, context.verdict, 1)
    add_crowd(keys, context.resolution, -1)
  end
end

-- The stage after a complete one; nil at the end.
local function next_stage(keys, stage, sign, context, now)
  if stage == 'sum' then
    complete_sum(keys, context)
    stage = scoring.stage_after_sum(keys)
    if stage then
      return stage
    end
    switch(keys, sign, now)
  elseif stage == 'copy' then
    return 'give'
  elseif stage == 'give' then
    switch(keys, sign, now)
    return 'level'
  end
  redis.call('HDEL', keys[1], 'scoring')
  if is_in_series(keys) then
    redis.call('HDEL', keys[SERIES], 'busy')
  end
end

-- Copy ranking values of an earlier release to the other set.
local function copy_page(keys, cursor)
  local settings = rows.settings(keys[SERIES])
  local page = redis.call('HSCAN', keys[SCORES], cursor, 'COUNT', PAGE_SIZE)
  for index = 1, #page[2], 2 do
    rows.rank(rows.rank_keys(keys, settings), page[2][index], rows.decode(page[2][index + 1], settings.settled), settings)
  end
  return page[1]
end

local function ballot_page(keys, stage, place, cursor, context)
  local outcomes = context.letters and #context.letters or 1
  local size = math.floor(math.min(PAGE_SIZE, PAGE_PROBABILITIES / outcomes))
  local page = redis.call('HSCAN', keys[place], cursor, 'COUNT', size)
  local entries = read_page(keys, page[2])
  STAGES[stage](keys, entries, context)
  local number = 0
  for _, entry in ipairs(entries) do
    local _, _, code = unpack_ballot(entry[2])
    number = number + (code ~= '' and 1 or 0)
  end
  return page[1], number
end

local function score_page(keys, args)
  local channel, poll_id, from = unpack(args)
  local stored = redis.call('HMGET', keys[1], 'version', 'scoring')
  if not stored[1] then
    return {GONE}
  elseif stored[2] ~= from then
    return {STALE}
  end
  local now, stage, sign, outcome, effective_at, place, cursor, done, total = now_ms(), scoring.parts(from)
  place, done = tonumber(place), tonumber(done)
  local context, number = read_context(keys, sign), 0
  if not from:match('^%a') then
    if scoring.other_poll(keys, poll_id) then
      return {WAITING, scoring.other_poll(keys, poll_id)}
    end
    scoring.adopt(keys, poll_id)
  end
  if sign == '-' and not context.resolution then  -- an earlier release removes it first
    context.old = {outcome = outcome, effective_at = tonumber(effective_at)}
  end
  if stage == 'copy' then
    cursor = copy_page(keys, cursor)
    place = cursor == '0' and RANKINGS or place
  else
    cursor, number = ballot_page(keys, stage, place, cursor, context)
    if cursor == '0' then
      redis.call('UNLINK', keys[SCORED_VOTERS])
      place = place + 1
    end
  end
  if place == RANKINGS then
    local switched = stage == 'give'
    stage, place = next_stage(keys, stage, sign, context, now), FIRST_BUCKET
    if not stage then
      return publish_and_reply(keys, channel, poll_id, now)
    elseif switched then
      publish_and_reply(keys, channel, poll_id, now)
    end
  end
  local text = table.concat({stage, sign, outcome, effective_at, place, cursor, done + number, total}, ' ')
  redis.call('HSET', keys[1], 'scoring', text)
  return {IN_PROGRESS, scoring.decode(text)}
end

register('score_page', score_page)
