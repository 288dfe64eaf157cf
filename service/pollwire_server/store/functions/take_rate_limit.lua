-- take_rate_limit: take one token for each network, in order, in one step. For limits outside polls.
--
-- KEYS  rate limits (includes/rate_limit.lua)
-- ARGV  count, seconds, maximum debt (ms), then for each a mark ('f' forced, 'a' asked) and the network
-- Returns {'done', now, waits...}  for each: 0 if a token was taken, else the wait in ms (at least 1)
-- Guarantees: at most count at once and count in that many seconds, except forced ones.

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
