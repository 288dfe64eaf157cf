-- When a poll takes votes: opens_at <= t < closes_at, and never again once it was seen closed.
-- The same rules as domain/window.py; a test drives both and compares.

local SCHEDULED_PHASE, OPEN_PHASE, CLOSED_PHASE = 'scheduled', 'open', 'closed'
local RESOLVED_PHASE = 'resolved'  -- a prediction whose outcome stands
local CANCELED_PHASE, ARCHIVED_PHASE = 'canceled', 'archived'  -- where the poll was ended; no clock moves it

-- The window of a poll as numbers, and the phase it was ended with; nil where the field is absent. resolution: what
-- stands; scoring: what is under way (includes/scoring.lua), which keeps the poll from being canceled by the clock.
local function window_of(poll_key)
  local stored = redis.call('HMGET', poll_key, 'opens_at', 'closes_at', 'closed_at', 'ended', 'resolve_by',
    'resolution', 'scoring')
  return {opens_at = tonumber(stored[1]), closes_at = tonumber(stored[2]), closed_at = tonumber(stored[3]),
    ended = stored[4] or nil, resolve_by = tonumber(stored[5]), resolution = stored[6] or nil, scoring = stored[7] or nil}
end

-- Whether a prediction has waited for its outcome until the hour by which it was to have one.
local function is_overdue(window, now)
  return window.resolve_by and now >= window.resolve_by and not (window.ended or window.resolution or window.scoring)
end

-- Latches a window whose end has come: from here on it is closed, whatever the clock does (stepped back, say).
-- A prediction that is overdue is canceled likewise, for good, and is another version then.
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

-- The phase now, latched.
local function latched_phase(poll_key, window, now)
  latch(poll_key, window, now)
  return phase_of(window, now)
end
