-- webhook_record_attempt: what came of trying to tell an event.
--
-- KEYS  of the webhook (includes/strands.lua)
-- ARGV  strand, id, try, what came of it ('delivered', 'failed', 'gone', 'released'), pause (ms, '' that was the last
--       try), the error in words, the try for the list of recent ones (JSON, '' leave it out)
-- Returns
--   {'done', given up for ('' not)}
--   {'stale'}  somebody else has tried since, or told it; nothing was written
-- Guarantees: a site is given up when it asks for it ('gone'), or when an event was tried to the last and nothing
-- was delivered since its first try. Where other events were, it alone is dropped, and its poll goes on.
-- 'released' undoes the claim: it was not tried.

local function schedule_retry(keys, ordering_key, ids, pause_ms, now)
  write_queue(keys, ordering_key, ids, now + pause_ms)
end

-- After the last try: the event is dropped, or the site.
local function handle_last_failure(keys, ordering_key, ids, event, words, now)
  local succeeded_at = tonumber(redis.call('HGET', keys[STATE], 'last_success_at') or 0)
  if succeeded_at >= event.since then
    redis.call('HINCRBY', keys[STATE], 'dropped', 1)
    remove_first_event(keys, ordering_key, ids, now)
    return ''
  end
  disable(keys, words, now)
  return words
end

local function failed(keys, ordering_key, ids, event, pause, words, now)
  redis.call('HSET', keys[STATE], 'last_failure_at', int_string(now), 'last_error', words)
  redis.call('HINCRBY', keys[STATE], 'failures', 1)
  if pause ~= '' then
    schedule_retry(keys, ordering_key, ids, tonumber(pause), now)
    return ''
  end
  return handle_last_failure(keys, ordering_key, ids, event, words, now)
end

local function released(keys, ordering_key, ids, event, now)
  event.tries = event.tries - 1
  write_event(keys, ids[1], event)
  write_queue(keys, ordering_key, ids, now)
end

local function webhook_record_attempt(keys, args)
  local ordering_key, id, try, what, pause, words, previous = unpack(args)
  local now, ids = now_ms(), read_queue(keys, ordering_key)
  local event = ids[1] == id and read_event(keys, id)
  if not event or (what ~= 'delivered' and event.tries ~= tonumber(try)) then
    return {STALE}
  end
  local disabled_reason = ''
  if what == 'delivered' then
    redis.call('HSET', keys[STATE], 'last_success_at', int_string(now), 'failures', 0)
    remove_first_event(keys, ordering_key, ids, now)
  elseif what == 'released' then
    released(keys, ordering_key, ids, event, now)
  else
    disabled_reason = failed(keys, ordering_key, ids, event, what == 'gone' and '0' or pause, words, now)
    if what == 'gone' then
      disable(keys, words, now)
      disabled_reason = words
    end
  end
  if previous ~= '' then
    redis.call('LPUSH', keys[RECENT], previous)
    redis.call('LTRIM', keys[RECENT], 0, MAX_RECENT_ATTEMPTS - 1)
  end
  return {DONE, disabled_reason}
end

register('webhook_record_attempt', webhook_record_attempt)
