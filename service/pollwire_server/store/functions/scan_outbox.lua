-- scan_outbox: return the events in a poll's outbox. Adds events of the clock and of progress first.
--
-- KEYS  poll, tally, every other key of the poll, audit
-- ARGV  minimum interval between two progress events (ms; '' no progress events)
-- Returns {now, next, {entry, ...}, doc, scoring}
--   next: time of the next useful scan (-1: none)
--   entry: {stream id, {field, value, ...}}, oldest first, at most MAX_SCANNED_ENTRIES
--   doc: the poll as JSON, nil if it is deleted; its last entry then has the doc
--   scoring: progress of the current scoring (includes/scoring.lua), nil if none
-- Guarantees: each opening and closing is added once, by the store's clock, however many workers scan. A
-- cancellation by the clock is also written to the audit log. Progress events have the totals of this step, at
-- most one an interval. Entries stay until ack_outbox removes them.

local MAX_SCANNED_ENTRIES = 50
local SCORING_CHECK_MS = 1000  -- finds scoring that stalled because its process died

-- epoch, seq and time of the last progress event; '', 0, 0 if there was none.
local function last_progress(poll_key)
  local epoch, seq, at = (redis.call('HGET', poll_key, 'progress') or ''):match('^(%x+) (%d+) (%d+)$')
  return epoch or '', tonumber(seq or 0), tonumber(at or 0)
end

-- Add a progress event if the totals changed and the interval is over. If only the interval is missing, return
-- its end.
local function add_progress_event(keys, pause_ms, now)
  local epoch, seq = position_at(keys[2], '', 0, now)
  local last_epoch, last_seq, last_at = last_progress(keys[1])
  if epoch == last_epoch and seq == last_seq or seq == 0 and last_epoch == '' then
    return nil
  elseif now < last_at + pause_ms and now >= last_at then
    return last_at + pause_ms
  end
  redis.call('HSET', keys[1], 'progress', epoch .. ' ' .. int_string(seq) .. ' ' .. int_string(now))
  add_event(keys, PROGRESS_EVENT, now, now)
end

local function scan_outbox(keys, args)
  local now, pause_ms, next_at, scoring = now_ms(), tonumber(args[1]), nil, false
  local doc = redis.call('HGET', keys[1], 'doc')
  if doc then
    add_clock_events(keys, now)
    local window = window_of(keys[1])
    local phase = phase_of(window, now)
    next_at = phase == SCHEDULED_PHASE and window.opens_at
      or phase == OPEN_PHASE and (window.closes_at or window.resolve_by)
      or phase == CLOSED_PHASE and window.resolve_by or nil
    local again = phase == OPEN_PHASE and pause_ms and add_progress_event(keys, pause_ms, now)
    next_at = again and math.min(again, next_at or again) or next_at
    scoring = window.scoring or false
    next_at = scoring and now + SCORING_CHECK_MS or next_at
  end
  local entries = redis.call('XRANGE', keys[OUTBOX], '-', '+', 'COUNT', MAX_SCANNED_ENTRIES)
  return {now, next_at or -1, entries, doc, scoring}
end

register('scan_outbox', scan_outbox)
