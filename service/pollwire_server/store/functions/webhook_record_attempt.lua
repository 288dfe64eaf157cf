-- webhook_record_attempt: store the result of a delivery attempt.
--
-- KEYS  of the webhook (includes/delivery_queue.lua)
-- ARGV  ordering key, id, attempt, result ('delivered', 'failed', 'gone', 'released'), pause (ms, '' for the last
--       attempt), error text, attempt document for the recent ones (JSON, '' none)
-- Returns
--   {'done', reason why the webhook is disabled ('' not disabled)}
--   {'stale'}  another worker has tried or delivered the event since; nothing was written
-- Guarantees: the webhook is disabled if it answers 'gone', or if the last attempt of an event fails and nothing was
-- delivered since its first attempt. If other events were delivered, only this event is dropped.
-- 'released' undoes the claim: no attempt was made.

local function schedule_retry(keys, ordering_key, ids, pause_ms, now)
  write_queue(keys, ordering_key, ids, now + pause_ms)
end

-- Drop the event, or disable the webhook if nothing was delivered since the first attempt.
local function handle_last_failure(keys, ordering_key, ids, event, error_text, now)
  local succeeded_at = tonumber(redis.call('HGET', keys[STATE], 'last_success_at') or 0)
  if succeeded_at >= event.since then
    redis.call('HINCRBY', keys[STATE], 'dropped', 1)
    remove_first_event(keys, ordering_key, ids, now)
    return ''
  end
  disable(keys, error_text, now)
  return error_text
end

local function failed(keys, ordering_key, ids, event, pause, error_text, now)
  redis.call('HSET', keys[STATE], 'last_failure_at', int_string(now), 'last_error', error_text)
  redis.call('HINCRBY', keys[STATE], 'failures', 1)
  if pause ~= '' then
    schedule_retry(keys, ordering_key, ids, tonumber(pause), now)
    return ''
  end
  return handle_last_failure(keys, ordering_key, ids, event, error_text, now)
end

local function released(keys, ordering_key, ids, event, now)
  event.tries = event.tries - 1
  write_event(keys, ids[1], event)
  write_queue(keys, ordering_key, ids, now)
end

local function webhook_record_attempt(keys, args)
  local ordering_key, id, attempt, result, pause, error_text, attempt_doc = unpack(args)
  local now, ids = now_ms(), read_queue(keys, ordering_key)
  local event = ids[1] == id and read_event(keys, id)
  if not event or (result ~= 'delivered' and event.tries ~= tonumber(attempt)) then
    return {STALE}
  end
  local disabled_reason = ''
  if result == 'delivered' then
    redis.call('HSET', keys[STATE], 'last_success_at', int_string(now), 'failures', 0)
    remove_first_event(keys, ordering_key, ids, now)
  elseif result == 'released' then
    released(keys, ordering_key, ids, event, now)
  else
    disabled_reason = failed(keys, ordering_key, ids, event, result == 'gone' and '0' or pause, error_text, now)
    if result == 'gone' then
      disable(keys, error_text, now)
      disabled_reason = error_text
    end
  end
  if attempt_doc ~= '' then
    redis.call('LPUSH', keys[RECENT], attempt_doc)
    redis.call('LTRIM', keys[RECENT], 0, MAX_RECENT_ATTEMPTS - 1)
  end
  return {DONE, disabled_reason}
end

register('webhook_record_attempt', webhook_record_attempt)
