-- read_leaderboard: return rows of a series' leaderboard, best first, or the row of one voter.
--
-- KEYS  series, members, scores, ranks, names, other ranks
-- ARGV  number of rows to skip, maximum number of rows; or voter
-- Returns
--   {'gone'}  no such series
--   {'done', {voter, rank, row, name, ...}, total rows, {field, value, ...}}
--       rank: 0 for a voter with fewer forecasts than the minimum; row: as stored; name: '' if none; fields: of the
--       series, without its voter key
-- Equal scores share a rank; their order is always the same. Writes nothing.

local SHOWN_FIELDS = {'rank_by', 'minimum', 'settled', 'title', 'final', 'crowd_right', 'crowd_forecasts', 'crowd_brier',
  'crowd_baseline', 'crowd_peer'}

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
  local found, page = {}, redis.call('ZREVRANGE', ranks_key, first, first + most - 1, 'WITHSCORES')
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

local function read_leaderboard(keys, args)
  if redis.call('EXISTS', keys[2]) == 0 then
    return {GONE}
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
  return {DONE, found, redis.call('ZCARD', ranks_key), fields}
end

register('read_leaderboard', read_leaderboard, {'no-writes'})
