-- Events for the sites that asked to be told (store/outbox.py): written into the poll's slot by the same step as
-- what they tell, so that neither can be there without the other. They stay until they are handed on to the queues
-- of those sites, also through a reset, an archive and the poll's own end.
--
-- What the clock does is told exactly once, whoever sees it first: the poll's field 'told' has the phase that was
-- told last. A step that changes a poll's life calls add_clock_events before it writes (what the clock did until now comes
-- first), and tell after it has written.
--
-- A poll's fields 'events' (how many it ever told, which numbers them), 'told', and 'progress' (position and instant
-- of the totals told last: 'epoch seq at') are the outbox's alone.

local MAX_OUTBOX_ENTRIES = 200  -- events kept where nobody hands them on; the oldest goes first
local OUTBOX_AFTER_DELETE_MS = 7 * 24 * 60 * 60 * 1000

local OPENED_EVENT, PROGRESS_EVENT, CLOSED_EVENT = 'poll.opened', 'poll.progress', 'poll.closed'
local RESOLVED_EVENT, CORRECTED_EVENT, CANCELED_EVENT = 'poll.resolved', 'poll.corrected', 'poll.canceled'
local TOMBSTONE = 'gone'  -- no event: what the poll was, for the events before it that nobody can look up any more
local PHASE_AFTER_EVENT = {[OPENED_EVENT] = OPEN_PHASE, [CLOSED_EVENT] = CLOSED_PHASE, [CANCELED_EVENT] = CANCELED_PHASE}

-- What an event says of the poll's life, beside its totals; never a key nor anything of voters.
local EVENT_FIELDS = {'opens_at', 'closes_at', 'planned_closes_at', 'closed_at', 'ended', 'version', 'results', 'resolution'}

local function poll_fields_json(poll_key)
  local stored, previous = redis.call('HMGET', poll_key, unpack(EVENT_FIELDS)), {}
  for place, name in ipairs(EVENT_FIELDS) do
    previous[name] = stored[place] or nil
  end
  return cjson.encode(previous)
end

-- The one line for every step: the event happened at (ms), and what it tells stands now.
local function add_event(keys, event, at, now)
  local incarnation, number = redis.call('HGET', keys[1], 'incarnation'), redis.call('HINCRBY', keys[1], 'events', 1)
  local totals = redis.call('HGETALL', keys[2])
  redis.call('XADD', keys[OUTBOX], 'MAXLEN', '=', MAX_OUTBOX_ENTRIES, '*', 'type', event, 'at', int_string(at), 'now', int_string(now),
    'id', incarnation .. '-' .. number, 'life', poll_fields_json(keys[1]), 'totals', cjson.encode(totals))
  redis.call('PERSIST', keys[OUTBOX])
  if PHASE_AFTER_EVENT[event] then
    redis.call('HSET', keys[1], 'announced_phase', PHASE_AFTER_EVENT[event])
  end
end

-- Tells what the clock has done since: the opening and the end of the window, each with its own instant. That it
-- canceled an overdue prediction is written down as well: steps that call this take the log's key last.
local function add_clock_events(keys, now)
  local window = window_of(keys[1])
  local phase, previous = latched_phase(keys[1], window, now), redis.call('HGET', keys[1], 'announced_phase') or SCHEDULED_PHASE
  if previous == SCHEDULED_PHASE and (phase == OPEN_PHASE or phase == CLOSED_PHASE) then
    add_event(keys, OPENED_EVENT, window.opens_at, now)
  end
  if previous ~= CLOSED_PHASE and phase == CLOSED_PHASE then
    add_event(keys, CLOSED_EVENT, window.closed_at, now)
  elseif previous ~= CANCELED_PHASE and phase == CANCELED_PHASE then
    local at = window.resolve_by or window.closed_at
    append_overdue_audit(keys, window, at, now)
    add_event(keys, CANCELED_EVENT, at, now)
  end
end

-- Before the poll's own fields go: what its events need to be read by.
local function add_tombstone(keys, now)
  if redis.call('XLEN', keys[OUTBOX]) > 0 then
    redis.call('XADD', keys[OUTBOX], '*', 'type', TOMBSTONE, 'now', int_string(now), 'doc', redis.call('HGET', keys[1], 'doc'))
    redis.call('PEXPIRE', keys[OUTBOX], OUTBOX_AFTER_DELETE_MS)
  end
end
