-- The audit log of a poll: a stream in its slot, written by the same step as what it tells, so that neither can be
-- there without the other. The key outlives the poll for a while: a delete is the act one asks about most.

local MAX_AUDIT_ENTRIES = 1000  -- entries kept; the oldest goes first
local AUDIT_AFTER_DELETE_MS = 90 * 24 * 60 * 60 * 1000
local CLOCK = 'clock'  -- who did what no operator did

-- Functions that write one take the poll's keys, all of them, and then the log's.
local function audit_key_in(keys)
  return keys[#keys]
end

-- The poll's own keys from first on; neither the log nor what a series keeps is among them, nor are the events still to be handed on.
local function unlink_poll_keys(keys, first)
  redis.call('UNLINK', unpack(keys, first, OUTBOX - 1))
  redis.call('UNLINK', unpack(keys, OUTBOX + 1, TAGS))
end

-- What an entry says of a poll: 'version phase opens_at closes_at results voters' ('-': none); '' where there is none.
local function audit_state(poll_key, tally_key, now)
  local stored = redis.call('HMGET', poll_key, 'version', 'opens_at', 'closes_at', 'results')
  if not stored[1] then
    return ''
  end
  local phase = phase_of(window_of(poll_key), now)
  local voters = redis.call('HGET', tally_key, 'voters') or '0'
  return table.concat({stored[1], phase, stored[2], stored[3] or '-', stored[4] or '-', voters}, ' ')
end

-- change: the fields that were given, as JSON ('' none); what moved by itself is in the states.
local function append_audit(audit_key, entry)
  redis.call('XADD', audit_key, 'MAXLEN', '=', MAX_AUDIT_ENTRIES, '*', 'at', int_string(entry.now), 'by', entry.by,
    'act', entry.act, 'before', entry.before, 'after', entry.after, 'change', entry.change or '')
  redis.call('PERSIST', audit_key)
end

-- The clock has canceled a prediction that was overdue at that instant; nothing has been done to it since.
local function append_overdue_audit(keys, window, at, now)
  local after = audit_state(keys[1], keys[2], now)
  local version, phase = tonumber(redis.call('HGET', keys[1], 'version')), window.closed_at < at and CLOSED_PHASE or OPEN_PHASE
  local before = after:gsub('^%d+ %S+', int_string(version - 1) .. ' ' .. phase)
  append_audit(audit_key_in(keys), {now = at, by = CLOCK, act = 'cancel', before = before, after = after})
end
