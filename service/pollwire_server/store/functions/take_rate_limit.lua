-- take_rate_limit: networks each take one from their bucket, in order, in one step; for what no poll is asked about.
--
-- KEYS  the buckets (includes/allowances.lua)
-- ARGV  count, seconds, the most that may be owed (ms), then for each a mark ('f' forced, 'a' asked) and the network
-- Returns
--   {'done', now, waits...}  for each: 0 where one was taken, else the ms (at least 1) until there would be one
-- Guarantees: never more than count at once, and count in so many seconds, but for what was forced.

local TAKE_HEAD = 3

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
    local wait = take_token(limit, asked:sub(2), now, asked:sub(1, 1) == 'f')
    reply[#reply + 1] = math.ceil(wait or 0)
  end
  write_full_at(keys[1], limit, now)
  return reply
end

register('take_rate_limit', take_rate_limit)
