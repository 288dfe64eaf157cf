-- Rate limit by network (GCRA): a sorted set of networks (8 bytes, a keyed hash) by the time at which their bucket is
-- full again (ms). A full bucket needs no entry and is removed, so the set has only recently active networks.
-- The same arithmetic as domain/rate_limit.py; a test runs both and compares.

local NETWORK_BYTES = 8
local NO_NETWORK = ('\0'):rep(NETWORK_BYTES)  -- a ballot without a limit
local MAX_REMOVED = 1000  -- full buckets removed in one step; a step never adds more

local function new_rate_limit(count, seconds, debt_ms)
  local period = seconds * 1000
  return {each = period / count, period = period, debt = debt_ms or 0, full_at = {}, changed = {}}
end

-- Read when the buckets of these networks (keys of a table) are full again.
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

-- Take one token. Return nil, or the wait in ms. A forced call always takes one; the debt is at most limit.debt.
local function take_token(limit, network, now, forced)
  local after = math.max(limit.full_at[network] or 0, now) + limit.each
  local wait = after - now - limit.period
  if wait > 0 and not forced then
    return wait
  end
  after = math.min(after, now + limit.period + limit.debt)
  limit.full_at[network], limit.changed[network] = after, after
end

-- Store the taken tokens. The set expires with its last bucket.
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
