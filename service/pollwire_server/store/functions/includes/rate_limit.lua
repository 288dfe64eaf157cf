-- What each network may do just now: a sorted set of networks (8 bytes, a keyed hash) by the instant at which their
-- bucket is full again (ms). One that is full stands for nothing and is taken out, so the set holds those alone that
-- did something of late. The same arithmetic as domain/allowance.py; a test drives both and compares.

local NETWORK_BYTES = 8
local NO_NETWORK = ('\0'):rep(NETWORK_BYTES)  -- somebody who is not limited
local MAX_REMOVED = 1000  -- full buckets taken out in one step; more come in than that in none

local function new_rate_limit(count, seconds, debt_ms)
  local period = seconds * 1000
  return {each = period / count, period = period, debt = debt_ms or 0, full_at = {}, changed = {}}
end

-- When the buckets of these networks (names of a table) are full again.
local function read_full_at(key, limit, networks)
  local names = {}
  for network in pairs(networks) do
    names[#names + 1] = network
  end
  for from = 1, #names, CHUNK do
    local upto = math.min(from + CHUNK - 1, #names)
    for position, score in ipairs(redis.call('ZMSCORE', key, unpack(names, from, upto))) do
      limit.full_at[names[from + position - 1]] = tonumber(score or 0)
    end
  end
end

-- Takes one from the network's bucket: nil, or the ms to wait until there is one. Forced, there always is, and
-- what is missing is owed, as far as allowance.debt goes.
local function take_token(limit, network, now, forced)
  local after = math.max(limit.full_at[network] or 0, now) + limit.each
  local wait = after - now - limit.period
  if wait > 0 and not forced then
    return wait
  end
  after = math.min(after, now + limit.period + limit.debt)
  limit.full_at[network], limit.changed[network] = after, after
end

-- Writes what was taken; the whole set ends with its last bucket.
local function write_full_at(key, limit, now)
  local fields = {}
  for network, full_at in pairs(limit.changed) do
    fields[#fields + 1] = string.format('%.17g', full_at)
    fields[#fields + 1] = network
  end
  if #fields == 0 then
    return
  end
  local full = redis.call('ZCOUNT', key, '-inf', int_string(now))
  if full > 0 then
    redis.call('ZREMRANGEBYRANK', key, 0, math.min(full, MAX_REMOVED) - 1)
  end
  for from = 1, #fields, CHUNK do
    redis.call('ZADD', key, unpack(fields, from, math.min(from + CHUNK - 1, #fields)))
  end
  redis.call('PEXPIREAT', key, int_string(math.ceil(now + limit.period + limit.debt)))
end
