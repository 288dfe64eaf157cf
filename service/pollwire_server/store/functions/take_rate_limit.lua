-- take_rate_limit: take one token for each network, in order, in one step. For limits outside polls.
--
-- KEYS  rate limits (includes/rate_limit.lua)
-- ARGV  count, seconds, maximum debt (ms), then for each a mark and the network. Marks: 'a' asks, 'p' asks and pays for
--       the challenge that follows a rejection, 0 to 9 is paid by a challenge while the debt is below so many periods
--       (9: any debt)
-- Returns {'done', now, waits...}  for each: 0 if a token was taken, else the wait in ms (at least 1)
-- Guarantees: at most count at once and count in that many seconds, except those paid by a challenge.

local TAKE_HEAD = 3
local CHALLENGE_COST = 0.25  -- of a token
local ANY_DEBT = 9

local function max_wait(limit, mark)
  local periods = tonumber(mark)
  if periods == ANY_DEBT then
    return math.huge
  end
  return periods and periods * limit.period + limit.each
end

local function take_rate_limit(keys, args)
  local now = now_ms()
  local limit = new_rate_limit(tonumber(args[1]), tonumber(args[2]), tonumber(args[3]))
  local networks = {}
  for position = TAKE_HEAD + 1, #args do
    networks[args[position]:sub(2)] = true
  end
  read_full_at(keys[1], limit, networks)
  local reply = {DONE, now}
  for position = TAKE_HEAD + 1, #args do
    local asked = args[position]
    local mark = asked:sub(1, 1)
    local wait = take_token(limit, asked:sub(2), now, max_wait(limit, mark), mark ~= 'a' and CHALLENGE_COST or 0)
    reply[#reply + 1] = math.ceil(wait or 0)
  end
  write_full_at(keys[1], limit, now)
  return reply
end

register('take_rate_limit', take_rate_limit)
