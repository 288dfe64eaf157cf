-- A poll's totals over time: exact at each of its points, and free for nearly every vote.
--
-- How. Time is cut into intervals of one step, on the whole steps of the clock. Nothing is written while an
-- interval lasts. The first change after its end writes down the totals as they stood before it: since nothing
-- was counted between that end and now, they are the truth at that end, to the vote. The newest point is not
-- stored at all: it is the tally, when somebody reads. So a batch within an interval pays for one more field of
-- an HMGET that is made anyway, the first of an interval for an HGETALL, an RPUSH and an HSET, and an interval
-- in which nothing changed for nothing.
--
-- Bounds. Beyond MAX_POINTS points the step doubles, from a second on, until THINNED_TO or fewer are left: of the
-- points in one interval the last stays, which is as exact as it was. A point says what held at its instant
-- and until the next point's interval began. Thinning reads and writes a list of some 50 KB, a millisecond or
-- two, at most once in 800 points. The step is a second, or less than a 500th of the time told of.
--
-- Alternatives. A point a batch overwrites itself hundreds of times a second, and doubles what fsync writes. A
-- sample by a clock of the service's own needs one worker that is alive, and tells when it looked, not when
-- votes were counted. Deltas would be smaller, and one that was lost would falsify all that follow.
--
-- The timeline is a list of points: at (6 bytes, ms), voters (4 bytes), then a code and its votes (4 bytes) each. A
-- poll's field 'timeline' has the end of the present interval (6 bytes, ms) and the step (4 bytes, ms). Both lie
-- beside the tally, so a store that lost history lost it from all three alike, and goes on from what it has.

local POINT = '>I6I4'
local POINT_COUNT = '>c1I4'
local INTERVAL = '>I6I4'
local FIRST_STEP_MS = 1000
local MAX_POINTS = 1999  -- and the newest one, which is read from the tally
local THINNED_TO = 1200

-- The end of the present interval and the step; nil where none has begun.
local function decode_interval(field)
  if field then
    return struct.unpack(INTERVAL, field)
  end
end

-- The totals as they stand now, as the point of an instant.
local function encode_point(tally_key, at)
  local stored = redis.call('HGETALL', tally_key)
  local voters, parts = 0, {}
  for index = 1, #stored, 2 do
    local name, number = stored[index], stored[index + 1]
    if name == 'voters' then
      voters = tonumber(number)
    elseif #name == 1 then
      parts[#parts + 1] = struct.pack(POINT_COUNT, name, tonumber(number))
    end
  end
  return struct.pack(POINT, at, voters) .. table.concat(parts)
end

-- Of the points that end in one interval of the step the last; the first of all stays, since it tells the beginning.
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

-- Thins the points out to THINNED_TO or fewer; the step that it took.
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

-- To be called before counts change. field: the poll's 'timeline'.
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
