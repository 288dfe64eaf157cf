-- read_leaderboard: return rows of a series' leaderboard, best first, or the row of one voter.
--
-- KEYS  series, members, scores, ranks, names, other ranks; to read rows, also the polls of the series, newest first
-- ARGV  number of rows to skip, maximum number of rows, id of the newest poll ('' none); or voter
-- Returns
--   {'gone'}   no such series
--   {'stale'}  the series has other polls than the caller's
--   {'done', {voter, rank, row, name, ...}, total rows, {field, value, ...}, {open, closed, resolved, canceled}}
--       rank: 0 for a voter with fewer forecasts than the minimum; row: as stored; name: '' if none; fields: of the
--       series, without its voter key; the last: numbers of visible polls (empty for a voter). 'open' includes polls
--       that are not open yet, 'canceled' those archived without an outcome
-- Equal scores share a rank; their order is always the same. Writes nothing.

local SHOWN_FIELDS = {'rank_by', 'minimum', 'settled', 'title', 'final', 'crowd_right', 'crowd_forecasts', 'crowd_brier',
  'crowd_baseline', 'crowd_peer'}
local SERIES_KEYS = 6
local COUNTED_AS = {[SCHEDULED_PHASE] = 1, [OPEN_PHASE] = 1, [CLOSED_PHASE] = 2, [RESOLVED_PHASE] = 3,
  [CANCELED_PHASE] = 4, [ARCHIVED_PHASE] = 4}

local function read_row(keys, ranks_key, voter, current)
  local rank = 0
  if tonumber(current) > -rows.BELOW_MINIMUM / 2 then
    rank = redis.call('ZCOUNT', ranks_key, '(' .. current, '+inf') + 1
  end
  return voter, rank, redis.call('HGET', keys[3], voter), redis.call('HGET', keys[5], voter) or ''
end

local function append(rows, ...)
  for _, value in ipairs({...}) do
    rows[#rows + 1] = value
  end
end

local function read_rows(keys, ranks_key, first, most)
  local found, page = {}, {}
  if most > 0 then
    page = redis.call('ZREVRANGE', ranks_key, first, first + most - 1, 'WITHSCORES')
  end
  for index = 1, #page, 2 do
    append(found, read_row(keys, ranks_key, page[index], page[index + 1]))
  end
  return found
end

local function read_voter_row(keys, ranks_key, voter)
  local found, current = {}, redis.call('ZSCORE', ranks_key, voter)
  if current then
    append(found, read_row(keys, ranks_key, voter, current))
  end
  return found
end

local function are_all_polls(keys, newest)
  local members_key = keys[2]
  return redis.call('ZCARD', members_key) == #keys - SERIES_KEYS
    and (redis.call('ZREVRANGE', members_key, 0, 0)[1] or '') == newest
end

local function is_visible(poll_key, now)
  local doc = redis.call('HGET', poll_key, 'doc')
  return doc and tonumber(doc:match('"visible_at":(%d+)') or 0) <= now
end

local function count_polls(keys, now)
  local numbers = {0, 0, 0, 0}
  for place = SERIES_KEYS + 1, #keys do
    if is_visible(keys[place], now) then
      local window = window_of(keys[place])
      local phase = window.resolution and RESOLVED_PHASE or phase_of(window, now)
      local counted = COUNTED_AS[phase]
      numbers[counted] = numbers[counted] + 1
    end
  end
  return numbers
end

local function read_leaderboard(keys, args)
  if redis.call('EXISTS', keys[1], keys[2]) == 0 then
    return {GONE}
  end
  local numbers = {}
  if #args > 1 then
    if not are_all_polls(keys, args[3]) then
      return {STALE}
    end
    numbers = count_polls(keys, now_ms())
  end
  local ranks_key = redis.call('HGET', keys[1], 'shown') == '1' and keys[6] or keys[4]
  local found, fields = nil, {}
  if #args == 1 then
    found = read_voter_row(keys, ranks_key, args[1])
  else
    found = read_rows(keys, ranks_key, tonumber(args[1]), tonumber(args[2]))
  end
  for place, value in ipairs(redis.call('HMGET', keys[1], unpack(SHOWN_FIELDS))) do
    append(fields, SHOWN_FIELDS[place], value or '')
  end
  return {DONE, found, redis.call('ZCARD', ranks_key), fields, numbers}
end

register('read_leaderboard', read_leaderboard, {'no-writes'})
