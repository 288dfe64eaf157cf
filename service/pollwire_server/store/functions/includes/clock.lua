-- The store's own clock: the only one that decides whether a vote counts.

-- Milliseconds since the epoch. Redis freezes TIME for the length of a function, so one step has one instant.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A whole number as the text it is stored under (Lua's own conversion may write an exponent).
local function int_string(number)
  return string.format('%d', number)
end
