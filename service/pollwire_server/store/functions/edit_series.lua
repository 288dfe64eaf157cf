-- edit_series: change settings of a series. A series without polls is created.
--
-- KEYS  series, members, scores, ranks, names, other ranks
-- ARGV  name, value, ... of the changed settings: title, rank_by, minimum ('' removes the setting)
-- Returns
--   {'done'}                  the settings are in effect
--   {'in_progress', ranking}  the leaderboard is being ordered: continue with rank_series_page, then call this again
--   {'waiting', poll}         a poll of the series is being scored; try again
-- Guarantees: a repeat changes nothing. The old order stays until every row is in the new one.

local function has_same_order(first, second)
  return first.rank_by == second.rank_by and first.minimum == second.minimum
end

local function edit_series(keys, args)
  local series_key, changes = keys[1], {}
  for place = 1, #args, 2 do
    changes[args[place]] = args[place + 1]
  end
  local ranking = redis.call('HGET', series_key, 'ranking')
  if ranking then
    return {IN_PROGRESS, ranking}
  end
  local stored = redis.call('HMGET', series_key, 'rank_by', 'minimum', 'busy')
  local rank_by, minimum = changes.rank_by or stored[1] or '', changes.minimum or stored[2] or ''
  local needs_order = redis.call('EXISTS', keys[3]) == 1
    and not has_same_order(rows.settings(series_key), rows.order(rank_by, minimum))
  if needs_order and stored[3] then
    return {WAITING, stored[3]}
  end
  redis.call('HSETNX', series_key, 'active_polls', 0)
  if changes.title then
    set_or_clear(series_key, 'title', changes.title)
  end
  if not needs_order then
    set_or_clear(series_key, 'rank_by', rank_by)
    set_or_clear(series_key, 'minimum', minimum)
    return {DONE}
  end
  ranking = rows.encode_ranking('rank', rank_by, minimum, 0, 0, 2 * redis.call('HLEN', keys[3]))
  redis.call('HSET', series_key, 'ranking', ranking, 'busy', rows.RANKING)
  return {IN_PROGRESS, ranking}
end

register('edit_series', edit_series)
