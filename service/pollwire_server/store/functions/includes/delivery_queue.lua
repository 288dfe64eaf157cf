-- What waits for one site (store/deliveries.py). Events of one poll are a strand: told in their order, one at a time.
-- Strands do not wait for one another, so one event that a site cannot bear holds up its own poll alone.
--
-- KEYS of a webhook, all of one slot:
local STATE, DUE, QUEUES, EVENTS, SEEN, RECENT = 1, 2, 3, 4, 5, 6
-- state   a hash: given_up_at, given_up_for, last_success_at, last_failure_at, last_error, failures, dropped
-- due     a sorted set: strands by the instant (ms) at which their first event may be tried (again)
-- strands   a hash: strand -> ids of its events, in order, with blanks between
-- events  a hash: id -> JSON of {kind, body, tries, since (ms, the first try; 0: none yet)}
-- seen    a sorted set: ids by the instant at which they came, for a while
-- recent  a list: what came of the last tries, the newest first

local MAX_QUEUED_EVENTS = 10000  -- events of one site; one that lets more pile up is given up
local SEEN_FOR_MS = 10 * 60 * 1000  -- far longer than any two workers can be at handing on one event
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

-- Writes a strand down; one without events is gone.
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

-- The first event of a strand leaves it; the next may be tried now.
local function remove_first_event(keys, ordering_key, ids, now)
  redis.call('HDEL', keys[EVENTS], table.remove(ids, 1))
  write_queue(keys, ordering_key, ids, now)
end

-- The site is told nothing more, and what waited is dropped, counted.
local function disable(keys, reason, now)
  redis.call('HINCRBY', keys[STATE], 'dropped', redis.call('HLEN', keys[EVENTS]))
  redis.call('HSET', keys[STATE], 'disabled_at', int_string(now), 'disabled_reason', reason)
  redis.call('UNLINK', keys[DUE], keys[QUEUES], keys[EVENTS])
end

local function is_disabled(keys)
  return redis.call('HEXISTS', keys[STATE], 'disabled_at') == 1
end
