-- Audit log of a poll: a stream in its slot. The step that changes the poll also writes the entry, so neither exists
-- without the other. The key outlives the poll for 90 days, because a deletion needs its log most.

local MAX_AUDIT_ENTRIES = 1000  -- the oldest entries are dropped
local AUDIT_AFTER_DELETE_MS = 90 * 24 * 60 * 60 * 1000
local CLOCK = 'clock'  -- author of changes that no operator made

-- Functions that write an entry take all keys of the poll, and the log last.
local function audit_key_in(keys)
  return keys[#keys]
end

-- Delete the poll's keys from index first on, except the outbox. The log and the keys of the series are not
-- among them.
local function unlink_poll_keys(keys, first)
  redis.call('UNLINK', unpack(keys, first, OUTBOX - 1))
  redis.call('UNLINK', unpack(keys, OUTBOX + 1, SCORED_VOTERS))
end

-- State of a poll in an entry: 'version phase opens_at closes_at results voters' ('-': none); '' if it does
-- not exist.
local function audit_state(poll_key, tally_key, now)
  local stored = redis.call('HMGET', poll_key, 'version', 'opens_at', 'closes_at', 'results')
  if not stored[1] then
    return ''
  end
  local phase = phase_of(window_of(poll_key), now)
  local voters = redis.call('HGET', tally_key, 'voters') or '0'
  return table.concat({stored[1], phase, stored[2], stored[3] or '-', stored[4] or '-', voters}, ' ')
end

-- change: the edited fields as JSON ('' none). Changes by the clock are visible in the states.
local function append_audit(audit_key, entry)
  redis.call('XADD', audit_key, 'MAXLEN', '=', MAX_AUDIT_ENTRIES, '*', 'at', int_string(entry.now), 'by', entry.by,
    'act', entry.act, 'before', entry.before, 'after', entry.after, 'change', entry.change or '')
  redis.call('PERSIST', audit_key)
end

-- Append the cancellation of an overdue prediction by the clock. No other change has come since.
local function append_overdue_audit(keys, window, at, now)
  local after = audit_state(keys[1], keys[2], now)
  local version = tonumber(redis.call('HGET', keys[1], 'version'))
  local phase = window.closed_at < at and CLOSED_PHASE or OPEN_PHASE
  local before = after:gsub('^%d+ %S+', int_string(version - 1) .. ' ' .. phase)
  append_audit(audit_key_in(keys), {now = at, by = CLOCK, act = 'cancel', before = before, after = after})
end
