-- Rows of a series: the sums of each voter's scores. A resolution, its correction and its reversal appear to readers in
-- one step, however many voters they score.
--
-- How. A row has base sums and one pending change with a version. The pending change counts once the series has
-- reached that version (its field 'settled'). There are two sorted sets of ranking values, and the series' field
-- 'shown' selects one (0 or 1). Scoring writes pending changes and the hidden set. Its last step raises 'settled' and
-- swaps the sets, so readers see all of it or nothing. Then the other set catches up.
--
-- A row has right, forecasts (4 bytes each), then the sums of Brier, baseline, peer, coverage and the crowd's Brier
-- (8 bytes each, millionths), then the pending change: version (4 bytes), right, forecasts (1 byte each) and the same
-- five sums (4 bytes each). Rows of earlier releases have only the first 8 bytes.

local rows = {
  BELOW_MINIMUM = 1e15,  -- subtracted from ranking values of voters with too few forecasts
  RANKING = '-',  -- value of the series' field 'busy' during rank_series_page; otherwise it is a poll id
}

do

local ROW_BASE = '>I4I4i8i8i8i8i8'
local ROW_PENDING = '>I4bbi4i4i4i4i4'
local ROW_BASE_BYTES = 48
local OLD_ROW_BYTES = 8
local ROW_SUMS = 7
local MINIMUMS = {peer_average = 10, brier = 10}  -- domain/scoring.py

local function sums_added(first, second)
  local sums = {}
  for place = 1, ROW_SUMS do
    sums[place] = (first[place] or 0) + (second[place] or 0)
  end
  return sums
end

-- Settled sums of a stored row, and its pending change with a later version (nil if there is none).
function rows.decode(stored, settled)
  if not stored then
    return sums_added({}, {})
  elseif #stored == OLD_ROW_BYTES then
    local right, forecasts = struct.unpack('>I4I4', stored)
    return sums_added({right, forecasts}, {})
  end
  local base, pending = {struct.unpack(ROW_BASE, stored)}, {struct.unpack(ROW_PENDING, stored, ROW_BASE_BYTES + 1)}
  local version = table.remove(pending, 1)
  if version <= settled then
    return sums_added(base, pending)
  end
  return sums_added(base, {}), pending
end

function rows.encode(base, version, pending)
  return struct.pack(ROW_BASE, unpack(base, 1, ROW_SUMS))
    .. struct.pack(ROW_PENDING, version, unpack(pending, 1, ROW_SUMS))
end

-- Return the order of a leaderboard. A mean over few forecasts is mostly luck, so it needs more of them ('' or nil: default).
function rows.order(rank_by, minimum)
  rank_by = rank_by and rank_by ~= '' and rank_by or 'accuracy'
  return {rank_by = rank_by, minimum = tonumber(minimum or nil) or MINIMUMS[rank_by] or 1}
end

-- The settings of the series that order its leaderboard.
function rows.settings(series_key)
  local stored = redis.call('HMGET', series_key, 'rank_by', 'minimum', 'settled', 'shown')
  local settings = rows.order(stored[1], stored[2])
  settings.settled, settings.shown = tonumber(stored[3] or 0), tonumber(stored[4] or 0)
  return settings
end

-- The field 'ranking' of a series (rank_series_page).
function rows.encode_ranking(stage, rank_by, minimum, cursor, done, total)
  return table.concat({stage, rank_by == '' and '-' or rank_by, minimum == '' and '-' or minimum, cursor, done, total}, ' ')
end

function rows.decode_ranking(text)
  local stage, rank_by, minimum, cursor, done, total = text:match('^(%a+) (%S+) (%S+) (%d+) (%d+) (%d+)$')
  return stage, rank_by == '-' and '' or rank_by, minimum == '-' and '' or minimum, cursor, tonumber(done), total
end

-- Value by which the leaderboard sorts a row, highest first.
function rows.ranking_value(sums, settings)
  local right, forecasts, brier, baseline, peer, coverage = unpack(sums)
  local value
  if settings.rank_by == 'peer' then
    value = peer
  elseif settings.rank_by == 'peer_average' then
    value = peer / math.max(settings.minimum, coverage / 1000000)
  elseif settings.rank_by == 'baseline' then
    value = baseline
  elseif settings.rank_by == 'brier' then
    value = coverage > 0 and -brier / coverage or -1
  else
    value = scoring.wilson_lower_bound(right, forecasts)
  end
  return forecasts < settings.minimum and value - rows.BELOW_MINIMUM or value
end

-- Write the ranking value of a row into one of the two sets; rows without forecasts leave it.
function rows.rank(ranks_key, voter, sums, settings)
  if sums[2] == 0 then
    redis.call('ZREM', ranks_key, voter)
  else
    redis.call('ZADD', ranks_key, string.format('%.17g', rows.ranking_value(sums, settings)), voter)
  end
end

-- Key of the hidden set, and of the shown one.
function rows.rank_keys(keys, settings)
  if settings.shown == 0 then
    return keys[OTHER_RANKS], keys[RANKS]
  end
  return keys[RANKS], keys[OTHER_RANKS]
end

rows.sums_added = sums_added

end
