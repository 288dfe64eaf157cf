-- Snapshot of a running recount: the value of a ballot when the recount began is saved before it is replaced
-- (store/votes/recounts.py has the reason). Once for each voter, and only in the current and later buckets.
--
-- A running recount has the poll's field 'recount': deadline of its next page (6 bytes, ms), its current
-- bucket (1 byte, an index in KEYS), its token. A recount that missed its deadline is over, and the next step
-- removes the field.

local RECOUNT_HEAD = '>I6B'
local RECOUNT_HEAD_BYTES = 7
local RECOUNT_TIMEOUT_MS = 5000

-- The current bucket and the token of the running recount; nil if none is running.
local function active_recount(poll_key, field, now)
  if not field then
    return nil
  end
  local waits_until, bucket = struct.unpack(RECOUNT_HEAD, field)
  if now >= waits_until then
    redis.call('HDEL', poll_key, 'recount')
    return nil
  end
  return bucket, field:sub(RECOUNT_HEAD_BYTES + 1)
end

local function extend_recount(poll_key, bucket, token, now)
  redis.call('HSET', poll_key, 'recount', struct.pack(RECOUNT_HEAD, now + RECOUNT_TIMEOUT_MS, bucket) .. token)
end

local function end_recount(poll_key, saved_key)
  redis.call('HDEL', poll_key, 'recount')
  redis.call('UNLINK', saved_key)
end

-- Save stored values before ballots are written. values: field -> new value; field: the poll's 'recount'.
local function save_for_recount(keys, values, field, now)
  local bucket = active_recount(keys[1], field, now)
  if not bucket then
    return
  end
  for name in pairs(values) do
    local own = bucket_of(name)
    if own >= bucket then
      redis.call('HSETNX', keys[RECOUNT_SAVED], name, redis.call('HGET', keys[own], name) or '')
    end
  end
end

-- The same for the one ballot that a withdrawal replaces.
local function save_one_for_recount(poll_key, saved_key, voter, stored, field, now)
  local bucket = active_recount(poll_key, field, now)
  if bucket and bucket_of(voter) >= bucket then
    redis.call('HSETNX', saved_key, voter, stored)
  end
end
