-- scan_outbox: what a poll has to tell; the clock's own doing and the progress of the vote are written down on the way.
--
-- KEYS  poll, tally, and every other key of the poll, audit
-- ARGV  least pause between two progress events (ms), '' where nobody wants them
-- Returns {now, next, {entry, ...}, doc, scoring}
--   next: the next instant at which there will be something to look at (-1: none that is known)
--   entry: {stream id, {field, value, ...}}, the oldest first, at most MAX_SCANNED_ENTRIES
--   doc: the poll as JSON, nil where it is gone; its last entry then has the doc
--   scoring: where scores that are being given or taken back stand (includes/scoring.lua), nil where none are
-- Guarantees: however many look at one time, each opening and each end is written once, by the store's clock (that
-- it canceled a prediction in the log, too), and at most one progress event a pause, with the totals of that very
-- step. Takes nothing away: see handed.

local MAX_SCANNED_ENTRIES = 50
local SCORING_CHECK_MS = 1000  -- so that scoring whose process died is soon found to stand still

-- epoch, seq and instant of the totals told last; '', 0, 0 where none were.
local function last_progress(poll_key)
  local epoch, seq, at = (redis.call('HGET', poll_key, 'progress') or ''):match('^(%x+) (%d+) (%d+)$')
  return epoch or '', tonumber(seq or 0), tonumber(at or 0)
end

-- Tells the totals of an open poll where they changed and the pause is over; else when it will be, if they changed.
local function add_progress_event(keys, pause_ms, now)
  local epoch, seq = position_at(keys[2], '', 0, now)
  local told_epoch, told_seq, told_at = last_progress(keys[1])
  if epoch == told_epoch and seq == told_seq or seq == 0 and told_epoch == '' then
    return nil
  elseif now < told_at + pause_ms and now >= told_at then
    return told_at + pause_ms
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
    next_at = phase == SCHEDULED_PHASE and window.opens_at or phase == OPEN_PHASE and (window.closes_at or window.resolve_by)
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
