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

-- Take one token. Return nil, or the wait in ms. A wait of at most max_wait (ms) is no obstacle; the debt is at most
-- limit.debt. A rejected call costs `rejected` (0 to 1) of a token.
local function take_token(limit, network, now, max_wait, rejected)
  local full_at = math.max(limit.full_at[network] or 0, now)
  local wait = full_at + limit.each - now - limit.period
  local is_rejected = wait > (max_wait or 0)
  local cost = is_rejected and (rejected or 0) or 1
  if cost > 0 then
    local after = math.min(full_at + cost * limit.each, now + limit.period + limit.debt)
    limit.full_at[network], limit.changed[network] = after, after
  end
  return is_rejected and wait or nil
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
