-- What each network may do just now: a sorted set of networks (8 bytes, a keyed hash) by the instant at which their
-- bucket is full again (ms). One that is full stands for nothing and is taken out, so the set holds those alone that
-- did something of late. The same arithmetic as domain/allowance.py; a test drives both and compares.

local NETWORK_BYTES = 8
local NO_NETWORK = ('\0'):rep(NETWORK_BYTES)  -- somebody who is not limited
local FORGOTTEN_MOST = 1000  -- full buckets taken out in one step; more come in than that in none

local function new_allowance(count, seconds, debt_ms)
  local period = seconds * 1000
  return {each = period / count, period = period, debt = debt_ms or 0, full_at = {}, changed = {}}
end

-- When the buckets of these networks (names of a table) are full again.
local function read_full_at(key, allowance, networks)
  local names = {}
  for network in pairs(networks) do
    names[#names + 1] = network
  end
  for from = 1, #names, CHUNK do
    local upto = math.min(from + CHUNK - 1, #names)
    for position, score in ipairs(redis.call('ZMSCORE', key, unpack(names, from, upto))) do
      allowance.full_at[names[from + position - 1]] = tonumber(score or 0)
    end
  end
end

-- Takes one from the network's bucket: nil, or the ms to wait until there is one. Forced, there always is, and
-- what is missing is owed, as far as allowance.debt goes.
local function take_one(allowance, network, now, forced)
  local after = math.max(allowance.full_at[network] or 0, now) + allowance.each
  local wait = after - now - allowance.period
  if wait > 0 and not forced then
    return wait
  end
  after = math.min(after, now + allowance.period + allowance.debt)
  allowance.full_at[network], allowance.changed[network] = after, after
end

-- Writes what was taken; the whole set ends with its last bucket.
local function write_full_at(key, allowance, now)
  local fields = {}
  for network, full_at in pairs(allowance.changed) do
    fields[#fields + 1] = string.format('%.17g', full_at)
    fields[#fields + 1] = network
  end
  if #fields == 0 then
    return
  end
  local full = redis.call('ZCOUNT', key, '-inf', whole(now))
  if full > 0 then
    redis.call('ZREMRANGEBYRANK', key, 0, math.min(full, FORGOTTEN_MOST) - 1)
  end
  for from = 1, #fields, CHUNK do
    redis.call('ZADD', key, unpack(fields, from, math.min(from + CHUNK - 1, #fields)))
  end
  redis.call('PEXPIREAT', key, whole(math.ceil(now + allowance.period + allowance.debt)))
end
