-- Clock of the store: the only one that decides whether a vote counts.

-- Milliseconds since the Unix epoch. Redis freezes TIME during a function, so one step has one instant.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Format an integer for storage. Lua's own conversion can write an exponent.
local function int_string(number)
  return string.format('%d', number)
end
