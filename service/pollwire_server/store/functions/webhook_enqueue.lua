-- webhook_enqueue: add an event to the queue of a webhook.
--
-- KEYS  of the webhook (includes/delivery_queue.lua)
-- ARGV  ordering key, id, kind, body
-- Returns {'done'}, {'no_change'} if it was added before, or {'conflict'} if the webhook is disabled.
-- Guarantees: an event that is added twice within SEEN_FOR_MS is delivered once. A progress event that has not
-- been tried is replaced by the next one of its poll, so that no stale totals are delivered.

-- Return true if the last event is a progress event that has not been tried.
local function is_replaceable(keys, ids)
  local last = #ids > 0 and read_event(keys, ids[#ids])
  return last and last.kind == PROGRESS_EVENT and last.tries == 0
end

local function webhook_enqueue(keys, args)
  local ordering_key, id, kind, body = unpack(args)
  local now = now_ms()
  if is_disabled(keys) then
    return {CONFLICT}
  end
  redis.call('ZREMRANGEBYSCORE', keys[SEEN], '-inf', int_string(now - SEEN_FOR_MS))
  if redis.call('ZADD', keys[SEEN], 'NX', int_string(now), id) == 0 then
    return {NO_CHANGE}
  end
  local ids = read_queue(keys, ordering_key)
  if kind == PROGRESS_EVENT and is_replaceable(keys, ids) then
    redis.call('HDEL', keys[EVENTS], table.remove(ids))
  elseif redis.call('HLEN', keys[EVENTS]) >= MAX_QUEUED_EVENTS then
    disable(keys, 'too many events wait', now)
    return {CONFLICT}
  end
  ids[#ids + 1] = id
  write_event(keys, id, {kind = kind, body = body, tries = 0, since = 0})
  write_queue(keys, ordering_key, ids, #ids == 1 and now or nil)
  return {DONE}
end

register('webhook_enqueue', webhook_enqueue)
