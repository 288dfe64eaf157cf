-- rank_series_page: run one page of a new order of a leaderboard (edit_series).
--
-- KEYS  series, members, scores, ranks, names, other ranks
-- ARGV  value of the series' field 'ranking' that this step continues
-- Returns
--   {'in_progress', ranking}  more pages are left
--   {'done'}                  complete
--   {'stale'}                 another step has continued from there; nothing was written
-- The field 'ranking' has: stage, rank_by, minimum ('-' none), HSCAN cursor, rows done, rows in all. Stages:
--   rank   writes the hidden set of ranking values in the new order; then one step shows it, as a new version
--   level  updates the other set
-- No poll of the series is scored meanwhile, so no row changes.

local PAGE_SIZE = 250

local function show_order(series_key, settings, rank_by, minimum)
  set_or_clear(series_key, 'rank_by', rank_by)
  set_or_clear(series_key, 'minimum', minimum)
  redis.call('HSET', series_key, 'settled', settings.settled + 1, 'shown', 1 - settings.shown)
end

local function rank_series_page(keys, args)
  local series_key, from = keys[1], args[1]
  if redis.call('HGET', series_key, 'ranking') ~= from then
    return {STALE}
  end
  local stage, rank_by, minimum, cursor, done, total = rows.decode_ranking(from)
  local current = rows.settings(series_key)
  local order = stage == 'rank' and rows.order(rank_by, minimum) or current
  local hidden = current.shown == 0 and keys[6] or keys[4]
  local page = redis.call('HSCAN', keys[3], cursor, 'COUNT', PAGE_SIZE)
  for index = 1, #page[2], 2 do
    rows.rank(hidden, page[2][index], rows.decode(page[2][index + 1], current.settled), order)
  end
  cursor, done = page[1], done + #page[2] / 2
  if cursor == '0' and stage == 'level' then
    redis.call('HDEL', series_key, 'ranking', 'busy')
    return {DONE}
  elseif cursor == '0' then
    show_order(series_key, current, rank_by, minimum)
    stage = 'level'
  end
  local ranking = rows.encode_ranking(stage, rank_by, minimum, cursor, done, total)
  redis.call('HSET', series_key, 'ranking', ranking)
  return {IN_PROGRESS, ranking}
end

register('rank_series_page', rank_series_page)
