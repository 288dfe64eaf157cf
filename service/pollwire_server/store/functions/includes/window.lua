-- Voting window of a poll: opens_at <= t < closes_at. A poll that was seen closed stays closed.
-- The same rules as domain/window.py; a test runs both and compares.

local SCHEDULED_PHASE, OPEN_PHASE, CLOSED_PHASE = 'scheduled', 'open', 'closed'
local RESOLVED_PHASE = 'resolved'  -- a prediction with an outcome
local CANCELED_PHASE, ARCHIVED_PHASE = 'canceled', 'archived'  -- final phases; the clock does not change them

-- The window of a poll as numbers, its final phase, its resolution, and the progress of its scoring; nil if
-- absent. The clock does not cancel a poll that is being scored.
local function window_of(poll_key)
  local stored = redis.call('HMGET', poll_key, 'opens_at', 'closes_at', 'closed_at', 'ended', 'resolve_by',
    'resolution', 'scoring')
  return {opens_at = tonumber(stored[1]), closes_at = tonumber(stored[2]), closed_at = tonumber(stored[3]),
    ended = stored[4] or nil, resolve_by = tonumber(stored[5]), resolution = stored[6] or nil,
    scoring = stored[7] or nil}
end

-- Return true if a prediction has no outcome at its resolve_by.
local function is_overdue(window, now)
  return window.resolve_by and now >= window.resolve_by and not (window.ended or window.resolution or window.scoring)
end

-- Store the end of a window once it has passed: the poll stays closed even if the clock steps back. An overdue
-- prediction is canceled for good, as a new version.
local function latch(poll_key, window, now)
  if not window.closed_at and window.closes_at and now >= window.closes_at then
    window.closed_at = window.closes_at
    redis.call('HSET', poll_key, 'closed_at', int_string(window.closed_at))
  end
  if is_overdue(window, now) then
    window.closed_at, window.ended = window.closed_at or window.resolve_by, CANCELED_PHASE
    redis.call('HSET', poll_key, 'closed_at', int_string(window.closed_at), 'ended', CANCELED_PHASE)
    redis.call('HINCRBY', poll_key, 'version', 1)
  end
end

local function phase_of(window, now)
  if window.ended then
    return window.ended
  elseif window.resolution then
    return RESOLVED_PHASE
  elseif is_overdue(window, now) then
    return CANCELED_PHASE
  end
  if window.closed_at or (window.closes_at and now >= window.closes_at) then
    return CLOSED_PHASE
  end
  if now >= window.opens_at then
    return OPEN_PHASE
  end
  return SCHEDULED_PHASE
end

-- The phase now, after storing an end that has passed.
local function latched_phase(poll_key, window, now)
  latch(poll_key, window, now)
  return phase_of(window, now)
end
