-- Events for the sites that asked to be told (store/outbox.py): written into the poll's slot by the same step as
-- what they tell, so that neither can be there without the other. They stay until they are handed on to the queues
-- of those sites, also through a reset, an archive and the poll's own end.
--
-- What the clock does is told exactly once, whoever sees it first: the poll's field 'told' has the phase that was
-- told last. A step that changes a poll's life calls tell_hours before it writes (what the clock did until now comes
-- first), and tell after it has written.
--
-- A poll's fields 'events' (how many it ever told, which numbers them), 'told', and 'progress' (position and instant
-- of the totals told last: 'epoch seq at') are the outbox's alone.

local OUTBOX_MOST = 200  -- events kept where nobody hands them on; the oldest goes first
local OUTBOX_AFTER_DELETE_MS = 7 * 24 * 60 * 60 * 1000

local OPENED, PROGRESS, ENDED = 'poll.opened', 'poll.progress', 'poll.closed'
local RESOLVED, CORRECTED, CALLED_OFF = 'poll.resolved', 'poll.corrected', 'poll.canceled'
local GOODBYE = 'gone'  -- no event: what the poll was, for the events before it that nobody can look up any more
local TOLD_AS = {[OPENED] = OPEN, [ENDED] = OVER, [CALLED_OFF] = CANCELED}

-- What an event says of the poll's life, beside its totals; never a key nor anything of voters.
local LIFE = {'opens_at', 'closes_at', 'planned_closes_at', 'closed_at', 'ended', 'version', 'results', 'resolution'}

local function life_of(poll_key)
  local held, told = redis.call('HMGET', poll_key, unpack(LIFE)), {}
  for place, name in ipairs(LIFE) do
    told[name] = held[place] or nil
  end
  return cjson.encode(told)
end

-- The one line for every step: the event happened at (ms), and what it tells stands now.
local function tell(keys, event, at, now)
  local birth, number = redis.call('HGET', keys[1], 'birth'), redis.call('HINCRBY', keys[1], 'events', 1)
  local totals = redis.call('HGETALL', keys[2])
  redis.call('XADD', keys[OUTBOX], 'MAXLEN', '=', OUTBOX_MOST, '*', 'type', event, 'at', whole(at), 'now', whole(now),
    'id', birth .. '-' .. number, 'life', life_of(keys[1]), 'totals', cjson.encode(totals))
  redis.call('PERSIST', keys[OUTBOX])
  if TOLD_AS[event] then
    redis.call('HSET', keys[1], 'told', TOLD_AS[event])
  end
end

-- Tells what the clock has done since: the opening and the end of the window, each with its own instant. That it
-- canceled an overdue prediction is written down as well: steps that call this take the log's key last.
local function tell_hours(keys, now)
  local window = window_of(keys[1])
  local phase, told = latched_phase(keys[1], window, now), redis.call('HGET', keys[1], 'told') or SCHEDULED
  if told == SCHEDULED and (phase == OPEN or phase == OVER) then
    tell(keys, OPENED, window.opens_at, now)
  end
  if told ~= OVER and phase == OVER then
    tell(keys, ENDED, window.closed_at, now)
  elseif told ~= CANCELED and phase == CANCELED then
    local at = window.resolve_by or window.closed_at
    write_down_overdue(keys, window, at, now)
    tell(keys, CALLED_OFF, at, now)
  end
end

-- Before the poll's own fields go: what its events need to be read by.
local function say_goodbye(keys, now)
  if redis.call('XLEN', keys[OUTBOX]) > 0 then
    redis.call('XADD', keys[OUTBOX], '*', 'type', GOODBYE, 'now', whole(now), 'doc', redis.call('HGET', keys[1], 'doc'))
    redis.call('PEXPIRE', keys[OUTBOX], OUTBOX_AFTER_DELETE_MS)
  end
end
