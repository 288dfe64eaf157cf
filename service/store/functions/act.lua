-- act: an operator opens, closes or reopens a poll.
--
-- KEYS  poll, tally
-- ARGV  channel, poll id, act, closes_at for reopen ('' none), version named ('' any)
-- Answers
--   {'done', snapshot}      done, a version later
--   {'stands', snapshot}    the poll was so already; nothing was written
--   {'gone'}
--   {'version', n}          the poll is at version n, not the one named
--   {'conflict', phase}     the act does not fit the phase
--   {'past'}                reopen with a closes_at that does not lie ahead
-- Guarantees: who may go from where to where is the table ACTS of domain/window.py, by the store's clock. A repeat
-- is STANDS, also where the clock came first; of reopen, only where it was the last act and names the same end.

local FROM = {open = SCHEDULED, close = OPEN, reopen = OVER}
local TO = {open = OPEN, close = OVER, reopen = OPEN}

local function stands_already(poll_key, act, phase, window, closes_at)
  if TO[act] ~= phase then
    return false
  end
  local is_repeat = redis.call('HGET', poll_key, 'acted') == act and tonumber(closes_at) == window.closes_at
  return act ~= 'reopen' or is_repeat
end

-- The end that was planned is remembered. The window includes this very millisecond, in which votes may have been
-- counted, so it ends with the next: every counted vote lies before closes_at.
local function close_now(poll_key, window, now)
  if window.closes_at then
    redis.call('HSETNX', poll_key, 'planned_closes_at', whole(window.closes_at))
  end
  redis.call('HSET', poll_key, 'closes_at', whole(now + 1), 'closed_at', whole(now + 1))
end

local function apply(poll_key, act, window, closes_at, now)
  if act == 'open' then
    redis.call('HSET', poll_key, 'opens_at', whole(now))
  elseif act == 'close' then
    close_now(poll_key, window, now)
  else
    redis.call('HDEL', poll_key, 'closed_at')
    set_or_clear(poll_key, 'closes_at', closes_at)
  end
  redis.call('HSET', poll_key, 'acted', act)
  redis.call('HINCRBY', poll_key, 'version', 1)
end

local function act(keys, args)
  local channel, poll_id, name, closes_at, version_named = unpack(args)
  local version = redis.call('HGET', keys[1], 'version')
  if not version then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  if stands_already(keys[1], name, phase, window, closes_at) then
    return {STANDS, snapshot(keys[1], keys[2], now, true)}
  end
  if version_named ~= '' and version_named ~= version then
    return {VERSION_MOVED, tonumber(version)}
  end
  if FROM[name] ~= phase then
    return {CONFLICT, phase}
  end
  if closes_at ~= '' and tonumber(closes_at) <= now then
    return {PAST}
  end
  apply(keys[1], name, window, closes_at, now)
  return announced(keys, channel, poll_id, now)
end

register('act', act)
