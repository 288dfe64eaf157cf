-- webhook_put: an event waits for a site from now on.
--
-- KEYS  of the webhook (includes/strands.lua)
-- ARGV  strand, id, kind, body
-- Answers {'done'}, {'stands'} where it came before, or {'conflict'} where the site is given up: it is told nothing.
-- Guarantees: handed on twice (within SEEN_FOR_MS) it is told once. A progress event that was not tried yet gives
-- its place to the next one of its poll, so that no site has stale totals waiting for it.

-- Whether the last of these events tells of progress, and nobody has tried to tell it.
local function is_replaceable(keys, ids)
  local last = #ids > 0 and event_of(keys, ids[#ids])
  return last and last.kind == PROGRESS and last.tries == 0
end

local function webhook_put(keys, args)
  local strand, id, kind, body = unpack(args)
  local now = now_ms()
  if is_given_up(keys) then
    return {CONFLICT}
  end
  redis.call('ZREMRANGEBYSCORE', keys[SEEN], '-inf', whole(now - SEEN_FOR_MS))
  if redis.call('ZADD', keys[SEEN], 'NX', whole(now), id) == 0 then
    return {STANDS}
  end
  local ids = ids_of(keys, strand)
  if kind == PROGRESS and is_replaceable(keys, ids) then
    redis.call('HDEL', keys[EVENTS], table.remove(ids))
  elseif redis.call('HLEN', keys[EVENTS]) >= WAITING_MOST then
    give_up(keys, 'too many events wait', now)
    return {CONFLICT}
  end
  ids[#ids + 1] = id
  keep_event(keys, id, {kind = kind, body = body, tries = 0, since = 0})
  keep_strand(keys, strand, ids, #ids == 1 and now or nil)
  return {DONE}
end

register('webhook_put', webhook_put)
