-- Delivery queue of one webhook (store/webhooks/delivery_queue.py). Events with one ordering key (the events of one
-- poll) are delivered in order, one at a time. Ordering keys do not wait for one another, so an event that an
-- endpoint cannot handle blocks only its own poll.
--
-- KEYS of a webhook, all of one slot:
local STATE, DUE, QUEUES, EVENTS, SEEN, RECENT = 1, 2, 3, 4, 5, 6
-- state   a hash: disabled_at, disabled_reason, last_success_at, last_failure_at, last_error, failures, dropped
-- due     a sorted set: ordering keys by the time (ms) of the next attempt of their first event
-- queues  a hash: ordering key -> ids of its events, in order, separated by blanks
-- events  a hash: id -> JSON of {kind, body, tries, since (ms, the first attempt; 0: none yet)}
-- seen    a sorted set: ids by their arrival, for SEEN_FOR_MS
-- recent  a list: results of the last attempts, newest first

local MAX_QUEUED_EVENTS = 10000  -- a webhook with more queued events is disabled
local SEEN_FOR_MS = 10 * 60 * 1000  -- far longer than two workers can take to enqueue one event
local MAX_RECENT_ATTEMPTS = 50

local function read_queue(keys, ordering_key)
  local ids = {}
  for id in (redis.call('HGET', keys[QUEUES], ordering_key) or ''):gmatch('%S+') do
    ids[#ids + 1] = id
  end
  return ids
end

local function read_event(keys, id)
  local stored = redis.call('HGET', keys[EVENTS], id)
  return stored and cjson.decode(stored)
end

local function write_event(keys, id, event)
  redis.call('HSET', keys[EVENTS], id, cjson.encode(event))
end

-- Write the queue of an ordering key; delete it if it is empty.
local function write_queue(keys, ordering_key, ids, due_at)
  if #ids == 0 then
    redis.call('HDEL', keys[QUEUES], ordering_key)
    redis.call('ZREM', keys[DUE], ordering_key)
    return
  end
  redis.call('HSET', keys[QUEUES], ordering_key, table.concat(ids, ' '))
  if due_at then
    redis.call('ZADD', keys[DUE], int_string(due_at), ordering_key)
  end
end

-- Remove the first event of a queue. The next one is due now.
local function remove_first_event(keys, ordering_key, ids, now)
  redis.call('HDEL', keys[EVENTS], table.remove(ids, 1))
  write_queue(keys, ordering_key, ids, now)
end

-- Disable the webhook. Queued events are dropped and counted.
local function disable(keys, reason, now)
  redis.call('HINCRBY', keys[STATE], 'dropped', redis.call('HLEN', keys[EVENTS]))
  redis.call('HSET', keys[STATE], 'disabled_at', int_string(now), 'disabled_reason', reason)
  redis.call('UNLINK', keys[DUE], keys[QUEUES], keys[EVENTS])
end

local function is_disabled(keys)
  return redis.call('HEXISTS', keys[STATE], 'disabled_at') == 1
end
