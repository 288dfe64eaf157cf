-- webhook_answered: what came of trying to tell an event.
--
-- KEYS  of the webhook (includes/strands.lua)
-- ARGV  strand, id, try, what came of it ('delivered', 'failed', 'gone', 'released'), pause (ms, '' that was the last
--       try), the error in words, the try for the list of recent ones (JSON, '' leave it out)
-- Answers
--   {'done', given up for ('' not)}
--   {'stale'}  somebody else has tried since, or told it; nothing was written
-- Guarantees: a site is given up when it asks for it ('gone'), or when an event was tried to the last and nothing
-- was delivered since its first try. Where other events were, it alone is dropped, and its poll goes on.
-- 'released' undoes the claim: it was not tried.

local function retried(keys, strand, ids, pause_ms, now)
  keep_strand(keys, strand, ids, now + pause_ms)
end

-- After the last try: the event is dropped, or the site.
local function exhausted(keys, strand, ids, event, words, now)
  local succeeded_at = tonumber(redis.call('HGET', keys[STATE], 'last_success_at') or 0)
  if succeeded_at >= event.since then
    redis.call('HINCRBY', keys[STATE], 'dropped', 1)
    end_first(keys, strand, ids, now)
    return ''
  end
  give_up(keys, words, now)
  return words
end

local function failed(keys, strand, ids, event, pause, words, now)
  redis.call('HSET', keys[STATE], 'last_failure_at', whole(now), 'last_error', words)
  redis.call('HINCRBY', keys[STATE], 'failures', 1)
  if pause ~= '' then
    retried(keys, strand, ids, tonumber(pause), now)
    return ''
  end
  return exhausted(keys, strand, ids, event, words, now)
end

local function released(keys, strand, ids, event, now)
  event.tries = event.tries - 1
  keep_event(keys, ids[1], event)
  keep_strand(keys, strand, ids, now)
end

local function webhook_answered(keys, args)
  local strand, id, try, what, pause, words, told = unpack(args)
  local now, ids = now_ms(), ids_of(keys, strand)
  local event = ids[1] == id and event_of(keys, id)
  if not event or (what ~= 'delivered' and event.tries ~= tonumber(try)) then
    return {STALE}
  end
  local given_up = ''
  if what == 'delivered' then
    redis.call('HSET', keys[STATE], 'last_success_at', whole(now), 'failures', 0)
    end_first(keys, strand, ids, now)
  elseif what == 'released' then
    released(keys, strand, ids, event, now)
  else
    given_up = failed(keys, strand, ids, event, what == 'gone' and '0' or pause, words, now)
    if what == 'gone' then
      give_up(keys, words, now)
      given_up = words
    end
  end
  if told ~= '' then
    redis.call('LPUSH', keys[RECENT], told)
    redis.call('LTRIM', keys[RECENT], 0, RECENT_MOST - 1)
  end
  return {DONE, given_up}
end

register('webhook_answered', webhook_answered)
