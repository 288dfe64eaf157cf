-- When a poll takes votes: opens_at <= t < closes_at, and never again once it was seen closed.
-- The same rules as domain/window.py; a test drives both and compares.

local SCHEDULED, OPEN, OVER = 'scheduled', 'open', 'closed'
local CANCELED, ARCHIVED = 'canceled', 'archived'  -- where an operator ended the poll; no clock moves it

-- The window of a poll as numbers, and the phase it was ended with; nil where the field is absent.
local function window_of(poll_key)
  local held = redis.call('HMGET', poll_key, 'opens_at', 'closes_at', 'closed_at', 'ended')
  return {opens_at = tonumber(held[1]), closes_at = tonumber(held[2]), closed_at = tonumber(held[3]),
    ended = held[4] or nil}
end

-- Latches a window whose end has come: from here on it is closed, whatever the clock does (stepped back, say).
local function latch(poll_key, window, now)
  if not window.closed_at and window.closes_at and now >= window.closes_at then
    window.closed_at = window.closes_at
    redis.call('HSET', poll_key, 'closed_at', whole(window.closed_at))
  end
end

local function phase_of(window, now)
  if window.ended then
    return window.ended
  end
  if window.closed_at or (window.closes_at and now >= window.closes_at) then
    return OVER
  end
  if now >= window.opens_at then
    return OPEN
  end
  return SCHEDULED
end

-- The phase now, latched.
local function latched_phase(poll_key, window, now)
  latch(poll_key, window, now)
  return phase_of(window, now)
end
