-- read_leaderboard: return rows of a series' leaderboard, best first, or the row of one voter.
--
-- KEYS  series, members, scores, ranks, names
-- ARGV  number of rows to skip, maximum number of rows; or voter
-- Returns
--   {'gone'}  no such series
--   {'done', {voter, rank, score, name, ...}, total rows}  score: packed as SCORE; name: '' if none
-- Equal scores share a rank; their order is always the same. Writes nothing.

local function read_row(keys, voter, current)
  local better = redis.call('ZCOUNT', keys[4], '(' .. current, '+inf')
  return voter, better + 1, redis.call('HGET', keys[3], voter), redis.call('HGET', keys[5], voter) or ''
end

local function append(rows, ...)
  for _, value in ipairs({...}) do
    rows[#rows + 1] = value
  end
end

local function read_rows(keys, first, most)
  local rows, page = {}, redis.call('ZREVRANGE', keys[4], first, first + most - 1, 'WITHSCORES')
  for index = 1, #page, 2 do
    append(rows, read_row(keys, page[index], page[index + 1]))
  end
  return rows
end

local function read_voter_row(keys, voter)
  local rows, current = {}, redis.call('ZSCORE', keys[4], voter)
  if current then
    append(rows, read_row(keys, voter, current))
  end
  return rows
end

local function read_leaderboard(keys, args)
  if redis.call('EXISTS', keys[2]) == 0 then
    return {GONE}
  end
  local rows
  if #args == 1 then
    rows = read_voter_row(keys, args[1])
  else
    rows = read_rows(keys, tonumber(args[1]), tonumber(args[2]))
  end
  return {DONE, rows, redis.call('ZCARD', keys[4])}
end

register('read_leaderboard', read_leaderboard, {'no-writes'})
