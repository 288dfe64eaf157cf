-- What a recount must not miss: the value that a ballot had when the recount began is set aside before it is
-- replaced (store/recounting.py says why). Once a voter, and only in the bucket that is read and those to come.
--
-- A poll's field 'recount' is there while one is under way: the instant until which its next page is waited for
-- (6 bytes, ms), the bucket that it reads (1 byte, a place among KEYS), its token. One that was not asked for more
-- in time is over, and whoever sees that takes the field away.

local RECOUNT_HEAD = '>I6B'
local RECOUNT_HEAD_BYTES = 7
local RECOUNT_TIMEOUT_MS = 5000

-- The bucket that the recount is at and its token; nil where none is under way.
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

-- Before fields of a poll's buckets are written. values: field -> what it is to be; field: the poll's 'recount'.
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
