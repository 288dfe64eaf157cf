-- Outbox: events for webhooks (store/webhooks/outbox.py). The step that changes a poll also writes the event into the
-- poll's slot, so neither exists without the other. Events stay until they are in the queues of the webhooks, also
-- through a reset, an archive and a deletion.
--
-- Each event of the clock is added exactly once, by the first step that sees it. The poll's field
-- 'announced_phase' has the phase of the last event. A step that changes the lifecycle calls add_clock_events
-- before it writes, so that earlier events come first, and add_event after it has written.
--
-- The fields 'events' (a counter that numbers the events), 'announced_phase' and 'progress' ('epoch seq at' of
-- the last progress event) belong to the outbox alone.

local MAX_OUTBOX_ENTRIES = 200  -- the oldest events are dropped if none are acknowledged
local OUTBOX_AFTER_DELETE_MS = 7 * 24 * 60 * 60 * 1000

local OPENED_EVENT, PROGRESS_EVENT, CLOSED_EVENT = 'poll.opened', 'poll.progress', 'poll.closed'
local RESOLVED_EVENT, CORRECTED_EVENT, CANCELED_EVENT = 'poll.resolved', 'poll.corrected', 'poll.canceled'
local TOMBSTONE = 'gone'  -- no event: the document of a deleted poll, for the events before it
local PHASE_AFTER_EVENT = {[OPENED_EVENT] = OPEN_PHASE, [CLOSED_EVENT] = CLOSED_PHASE,
  [CANCELED_EVENT] = CANCELED_PHASE}

-- Poll fields in an event, beside its totals; never a key or data of voters.
local EVENT_FIELDS = {'opens_at', 'closes_at', 'planned_closes_at', 'closed_at', 'ended', 'version', 'results',
  'resolution'}

local function poll_fields_json(poll_key)
  local stored, fields = redis.call('HMGET', poll_key, unpack(EVENT_FIELDS)), {}
  for place, name in ipairs(EVENT_FIELDS) do
    fields[name] = stored[place] or nil
  end
  return cjson.encode(fields)
end

-- Append an event that happened at `at` (ms), with the current state of the poll.
local function add_event(keys, event, at, now)
  local incarnation, number = redis.call('HGET', keys[1], 'incarnation'), redis.call('HINCRBY', keys[1], 'events', 1)
  local totals = redis.call('HGETALL', keys[2])
  redis.call('XADD', keys[OUTBOX], 'MAXLEN', '=', MAX_OUTBOX_ENTRIES, '*', 'type', event,
    'at', int_string(at), 'now', int_string(now), 'id', incarnation .. '-' .. number, 'life', poll_fields_json(keys[1]),
    'totals', cjson.encode(totals))
  redis.call('PERSIST', keys[OUTBOX])
  if PHASE_AFTER_EVENT[event] then
    redis.call('HSET', keys[1], 'announced_phase', PHASE_AFTER_EVENT[event])
  end
end

-- Add the opening and the end of the window, each with its own time, but not before `earliest` (ms, or nil). A
-- step that writes the window passes its own time: a poll that it opens in the past has been open only since
-- this step, and webhooks created before the step must get the event. A cancellation by the clock is also
-- appended to the audit log, so callers take the log's key last.
local function add_clock_events(keys, now, earliest)
  local window = window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  local previous = redis.call('HGET', keys[1], 'announced_phase') or SCHEDULED_PHASE
  earliest = earliest or 0
  if previous == SCHEDULED_PHASE and (phase == OPEN_PHASE or phase == CLOSED_PHASE) then
    add_event(keys, OPENED_EVENT, math.max(window.opens_at, earliest), now)
  end
  if previous ~= CLOSED_PHASE and phase == CLOSED_PHASE then
    add_event(keys, CLOSED_EVENT, math.max(window.closed_at, earliest), now)
  elseif previous ~= CANCELED_PHASE and phase == CANCELED_PHASE then
    local at = window.resolve_by or window.closed_at
    append_overdue_audit(keys, window, at, now)
    add_event(keys, CANCELED_EVENT, math.max(at, earliest), now)
  end
end

-- Append the poll document before a deletion, for readers of the events before it.
local function add_tombstone(keys, now)
  if redis.call('XLEN', keys[OUTBOX]) > 0 then
    local doc = redis.call('HGET', keys[1], 'doc')
    redis.call('XADD', keys[OUTBOX], '*', 'type', TOMBSTONE, 'now', int_string(now), 'doc', doc)
    redis.call('PEXPIRE', keys[OUTBOX], OUTBOX_AFTER_DELETE_MS)
  end
end
