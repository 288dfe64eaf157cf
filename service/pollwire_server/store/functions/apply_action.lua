-- apply_action: apply a lifecycle action of an operator to a poll.
--
-- KEYS  poll, tally, every other key of the poll, its location or the keys of its series, audit
-- ARGV  channel, poll id, action, name of the operator, closes_at for reopen ('' none), expected version ('' any),
--       seen epoch, next voter key (reset)
-- Returns
--   {'done', snapshot}       applied, with a new version and an audit entry
--   {'no_change', snapshot}  the poll is in that state already; nothing was written
--   {'gone'}                 no such poll
--   {'version', n}           the poll has version n, not the expected one
--   {'conflict', phase}      the action is not allowed in this phase
--   {'not_in_future'}        reopen with a closes_at that is not in the future
--   {'in_progress', ...}     a resolution is being scored (includes/scoring.lua)
-- Guarantees
--   The table of domain/window.py defines the allowed transitions. The store's clock decides the phase.
--   A repeat is NO_CHANGE, also if the clock closed the poll first. A repeated reopen must be the last action
--   and name the same end. A repeated reset must find no vote counted since.
--   Archive deletes all ballots and the voter key; counts and scores stay. The key of a series is deleted with the
--   last poll that needs it.
--   Reset starts an epoch later than any seen one, and a new voter key.

local NOT_ENDED = {[SCHEDULED_PHASE] = true, [OPEN_PHASE] = true, [CLOSED_PHASE] = true}
local ANY_PHASE = {[SCHEDULED_PHASE] = true, [OPEN_PHASE] = true, [CLOSED_PHASE] = true, [RESOLVED_PHASE] = true,
  [CANCELED_PHASE] = true, [ARCHIVED_PHASE] = true}
local ALLOWED_PHASES = {
  open = {[SCHEDULED_PHASE] = true},
  close = {[OPEN_PHASE] = true},
  reopen = {[CLOSED_PHASE] = true},
  publish = ANY_PHASE,
  cancel = NOT_ENDED,
  archive = {[CLOSED_PHASE] = true, [RESOLVED_PHASE] = true, [CANCELED_PHASE] = true},
  reset = NOT_ENDED,
}
local TARGET_PHASE = {open = OPEN_PHASE, close = CLOSED_PHASE, reopen = OPEN_PHASE, cancel = CANCELED_PHASE,
  archive = ARCHIVED_PHASE}

local function is_already_applied(keys, act, phase, window, closes_at)
  local last_action, results = unpack(redis.call('HMGET', keys[1], 'last_action', 'results'))
  if act == 'publish' then
    return results == 'always'
  elseif act == 'reset' then
    return last_action == act and tonumber(redis.call('HGET', keys[2], 'seq')) == 0
  elseif TARGET_PHASE[act] ~= phase then
    return false
  end
  return act ~= 'reopen' or (last_action == act and tonumber(closes_at) == window.closes_at)
end

-- Close the window now and store the planned end. The window includes this millisecond, in which votes may have been
-- counted, so it ends with the next one: every counted vote is before closes_at.
local function close_now(poll_key, window, now)
  if window.closes_at then
    redis.call('HSETNX', poll_key, 'planned_closes_at', int_string(window.closes_at))
  end
  redis.call('HSET', poll_key, 'closes_at', int_string(now + 1), 'closed_at', int_string(now + 1))
end

local EVENT_OF = {open = OPENED_EVENT, close = CLOSED_EVENT, reopen = OPENED_EVENT, cancel = CANCELED_EVENT}

-- Add the event of the action. A reset of a closed poll corrects totals that were sent as final.
local function add_action_event(keys, act, change)
  local event = EVENT_OF[act] or (act == 'reset' and change.phase == CLOSED_PHASE and CORRECTED_EVENT)
  if event then
    add_event(keys, event, change.now, change.now)
  end
end

local APPLY = {
  open = function(keys, change)
    redis.call('HSET', keys[1], 'opens_at', int_string(change.now))
  end,
  close = function(keys, change)
    close_now(keys[1], change.window, change.now)
  end,
  reopen = function(keys, change)
    redis.call('HDEL', keys[1], 'closed_at')
    set_or_clear(keys[1], 'closes_at', change.closes_at)
  end,
  publish = function(keys)
    redis.call('HSET', keys[1], 'results', 'always')
  end,
  cancel = function(keys, change)
    if change.phase == OPEN_PHASE then
      close_now(keys[1], change.window, change.now)
    end
    redis.call('HSETNX', keys[1], 'closed_at', int_string(change.now))
    redis.call('HSET', keys[1], 'ended', CANCELED_PHASE)
  end,
  archive = function(keys)
    redis.call('UNLINK', unpack(keys, FIRST_BUCKET, FIRST_BUCKET + 15))
    redis.call('UNLINK', keys[RATE_LIMITS], keys[TAGS], keys[HISTORY])
    end_recount(keys[1], keys[RECOUNT_SAVED])
    leave_series(keys)
    redis.call('HDEL', keys[1], 'voter_key')
    redis.call('HSET', keys[1], 'ended', ARCHIVED_PHASE)
  end,
  reset = function(keys, change)
    local stored = redis.call('HGET', keys[2], 'epoch') or ''
    local latest = stored > change.seen_epoch and stored or change.seen_epoch
    unlink_poll_keys(keys, 2)
    end_recount(keys[1], keys[RECOUNT_SAVED])
    redis.call('HDEL', keys[1], 'timeline', 'purging')
    redis.call('HSET', keys[2], 'epoch', epoch_after(latest, change.now), 'seq', 0, 'voters', 0)
    if not is_in_series(keys) then
      redis.call('HSET', keys[1], 'voter_key', change.voter_key)
    end
  end,
}

local function apply(keys, act, by, change)
  local before = audit_state(keys[1], keys[2], change.now)
  add_clock_events(keys, change.now)
  APPLY[act](keys, change)
  redis.call('HSET', keys[1], 'last_action', act)
  redis.call('HINCRBY', keys[1], 'version', 1)
  add_action_event(keys, act, change)
  local after = audit_state(keys[1], keys[2], change.now)
  append_audit(audit_key_in(keys), {now = change.now, by = by, act = act, before = before, after = after})
end

local function apply_action(keys, args)
  local channel, poll_id, name, by, closes_at, version_named, seen_epoch, voter_key = unpack(args)
  local version = redis.call('HGET', keys[1], 'version')
  if not version then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  if is_already_applied(keys, name, phase, window, closes_at) then
    return {NO_CHANGE, snapshot(keys[1], keys[2], now, true)}
  end
  if version_named ~= '' and version_named ~= version then
    return {VERSION_MOVED, tonumber(version)}
  end
  if window.scoring and name ~= 'publish' then
    return {IN_PROGRESS, scoring.decode(window.scoring)}
  end
  if not ALLOWED_PHASES[name][phase] then
    return {CONFLICT, phase}
  end
  local end_named = tonumber(closes_at)
  if end_named and (end_named <= now or (window.resolve_by and end_named >= window.resolve_by)) then
    return {NOT_IN_FUTURE}
  end
  apply(keys, name, by, {now = now, window = window, phase = phase, closes_at = closes_at,
    seen_epoch = seen_epoch, voter_key = voter_key})
  return publish_and_reply(keys, channel, poll_id, now)
end

register('apply_action', apply_action)
