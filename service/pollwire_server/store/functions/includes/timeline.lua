-- Timeline of a poll: exact totals at each point, nearly free for votes.
--
-- How. Time is divided into intervals of one step, aligned to the clock. Nothing is written during an
-- interval. The first change after its end records the totals before that change. Nothing was counted in
-- between, so they are exact for that end. The newest point is not stored: it is the tally at the time of a
-- read. A batch within an interval costs one more field of an HMGET; the first batch of an interval costs an
-- HGETALL, an RPUSH and an HSET.
--
-- Bounds. Beyond MAX_POINTS points the step doubles, starting at one second, until THINNED_TO or fewer points
-- are left. The last point of each merged interval stays and is still exact. A point is valid until the
-- interval of the next point begins. Thinning rewrites a list of about 50 KB in a millisecond or two, at most
-- once in 800 points. The step is one second, or less than a 500th of the covered time.
--
-- Alternatives. A point for each batch rewrites itself hundreds of times a second, and doubles the fsync
-- volume. Samples by the service's clock need one live worker, and record when it sampled instead of when
-- votes were counted. Deltas would be smaller, but one lost delta falsifies all later points.
--
-- The timeline is a list of points: at (6 bytes, ms), voters (4 bytes), then a code and its votes (4 bytes) each, in
-- a forecast also the mean probability in millionths (4 bytes). The
-- poll's field 'timeline' has the end of the current interval (6 bytes, ms) and the step (4 bytes, ms). A store that
-- lost history lost it from tally and timeline alike, and continues from what it has.

local POINT = '>I6I4'
local POINT_COUNT = '>c1I4'
local POINT_FORECAST = '>c1I4I4'
local INTERVAL = '>I6I4'
local FIRST_STEP_MS = 1000
local MAX_POINTS = 1999  -- without the newest one, which is the tally
local THINNED_TO = 1200

-- End of the current interval and the step; nil before the first one.
local function decode_interval(field)
  if field then
    return struct.unpack(INTERVAL, field)
  end
end

-- The current totals as a point at the given time.
local function encode_point(tally_key, at)
  local stored = redis.call('HGETALL', tally_key)
  local voters, counts, sums, parts = 0, {}, {}, {}
  for index = 1, #stored, 2 do
    local name, number = stored[index], stored[index + 1]
    if name == 'voters' then
      voters = tonumber(number)
    elseif #name == 1 then
      counts[name] = tonumber(number)
    elseif #name == 2 and name:sub(2) == 'p' then
      sums[name:sub(1, 1)] = tonumber(number)
    end
  end
  for letter, sum in pairs(sums) do
    local mean = voters > 0 and math.floor(sum / voters + 0.5) or 0
    parts[#parts + 1] = struct.pack(POINT_FORECAST, letter, counts[letter] or 0, mean)
    counts[letter] = nil
  end
  for letter, votes in pairs(counts) do
    parts[#parts + 1] = struct.pack(POINT_COUNT, letter, votes)
  end
  return struct.pack(POINT, at, voters) .. table.concat(parts)
end

-- Keep the last point of each interval of the step, and always the first point of all.
local function merge_intervals(points, step)
  local kept, slot = {points[1]}, nil
  for place = 2, #points do
    local own = math.ceil(struct.unpack('>I6', points[place]) / step)
    if own ~= slot then
      kept[#kept + 1] = points[place]
    else
      kept[#kept] = points[place]
    end
    slot = own
  end
  return kept
end

-- Merge intervals until THINNED_TO or fewer points are left. Return the new step.
local function coarsen(timeline_key, step)
  local points = redis.call('LRANGE', timeline_key, 0, -1)
  while #points > THINNED_TO do
    step = step * 2
    points = merge_intervals(points, step)
  end
  redis.call('DEL', timeline_key)
  for from = 1, #points, CHUNK do
    redis.call('RPUSH', timeline_key, unpack(points, from, math.min(from + CHUNK - 1, #points)))
  end
  return step
end

-- Record a point before counts change, if its interval has ended. field: the poll's 'timeline'.
local function record_timeline_point(poll_key, tally_key, timeline_key, field, now)
  local ended, step = decode_interval(field)
  if ended and now < ended then
    return
  end
  step = step or FIRST_STEP_MS
  local at = ended or now - now % step
  if redis.call('RPUSH', timeline_key, encode_point(tally_key, at)) > MAX_POINTS then
    step = coarsen(timeline_key, step)
  end
  redis.call('HSET', poll_key, 'timeline', struct.pack(INTERVAL, now - now % step + step, step))
end
