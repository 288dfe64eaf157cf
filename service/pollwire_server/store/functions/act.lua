-- act: an operator moves a poll through its life.
--
-- KEYS  poll, tally, and every other key of the poll, its home or what its series keeps, audit
-- ARGV  channel, poll id, act, operator's name, closes_at for reopen ('' none), version named ('' any), seen epoch,
--       the voters' key from now on (reset)
-- Answers
--   {'done', snapshot}      done, a version later, and written down in the audit log
--   {'stands', snapshot}    the poll was so already; nothing was written
--   {'gone'}
--   {'version', n}          the poll is at version n, not the one named
--   {'conflict', phase}     the act does not fit the phase
--   {'past'}                reopen with a closes_at that does not lie ahead
--   {'underway', ...}      scores are being given or taken back (includes/scoring.lua)
-- Guarantees: who may go from where to where is the table ACTS of domain/window.py, by the store's clock. A repeat
-- is STANDS, also where the clock came first; of reopen, only where it was the last act and names the same end; of
-- reset, only while nothing was counted since. Archive leaves neither a ballot nor the key by which voters are
-- known; the counts stay, and so do scores; the key of a series goes with the last poll that needs it. Reset starts a later epoch than any that was seen, and knows every voter anew.

local LIVING = {[SCHEDULED] = true, [OPEN] = true, [OVER] = true}
local EVERY = {[SCHEDULED] = true, [OPEN] = true, [OVER] = true, [SETTLED] = true, [CANCELED] = true,
  [ARCHIVED] = true}
local FROM = {open = {[SCHEDULED] = true}, close = {[OPEN] = true}, reopen = {[OVER] = true}, publish = EVERY,
  cancel = LIVING, archive = {[OVER] = true, [SETTLED] = true, [CANCELED] = true}, reset = LIVING}
local TO = {open = OPEN, close = OVER, reopen = OPEN, cancel = CANCELED, archive = ARCHIVED}

local function stands_already(keys, act, phase, window, closes_at)
  local acted, results = unpack(redis.call('HMGET', keys[1], 'acted', 'results'))
  if act == 'publish' then
    return results == 'always'
  elseif act == 'reset' then
    return acted == act and tonumber(redis.call('HGET', keys[2], 'seq')) == 0
  elseif TO[act] ~= phase then
    return false
  end
  return act ~= 'reopen' or (acted == act and tonumber(closes_at) == window.closes_at)
end

-- The end that was planned is remembered. The window includes this very millisecond, in which votes may have been
-- counted, so it ends with the next: every counted vote lies before closes_at.
local function close_now(poll_key, window, now)
  if window.closes_at then
    redis.call('HSETNX', poll_key, 'planned_closes_at', whole(window.closes_at))
  end
  redis.call('HSET', poll_key, 'closes_at', whole(now + 1), 'closed_at', whole(now + 1))
end

local EVENT_OF = {open = OPENED, close = ENDED, reopen = OPENED, cancel = CALLED_OFF}

-- The sites that asked are told what the clock did before the act, then what the act did. Totals that were told as
-- final, and are thrown away, are corrected.
local function tell_act(keys, act, change)
  local event = EVENT_OF[act] or (act == 'reset' and change.phase == OVER and CORRECTED)
  if event then
    tell(keys, event, change.now, change.now)
  end
end

local APPLY = {
  open = function(keys, change)
    redis.call('HSET', keys[1], 'opens_at', whole(change.now))
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
    if change.phase == OPEN then
      close_now(keys[1], change.window, change.now)
    end
    redis.call('HSETNX', keys[1], 'closed_at', whole(change.now))
    redis.call('HSET', keys[1], 'ended', CANCELED)
  end,
  archive = function(keys)
    redis.call('UNLINK', unpack(keys, FIRST_BUCKET, FIRST_BUCKET + 15))
    redis.call('UNLINK', keys[ALLOWANCES], keys[TAGS])
    forget_recount(keys[1], keys[ASIDE])
    leave_series(keys)
    redis.call('HDEL', keys[1], 'voter_key')
    redis.call('HSET', keys[1], 'ended', ARCHIVED)
  end,
  reset = function(keys, change)
    local held = redis.call('HGET', keys[2], 'epoch') or ''
    local latest = held > change.seen_epoch and held or change.seen_epoch
    unlink_from(keys, 2)
    forget_recount(keys[1], keys[ASIDE])
    redis.call('HDEL', keys[1], 'timeline', 'purging')
    redis.call('HSET', keys[2], 'epoch', epoch_after(latest, change.now), 'seq', 0, 'voters', 0)
    if not is_in_series(keys) then
      redis.call('HSET', keys[1], 'voter_key', change.voter_key)
    end
  end,
}

local function apply(keys, act, by, change)
  local before = state_of(keys[1], keys[2], change.now)
  tell_hours(keys, change.now)
  APPLY[act](keys, change)
  redis.call('HSET', keys[1], 'acted', act)
  redis.call('HINCRBY', keys[1], 'version', 1)
  tell_act(keys, act, change)
  local after = state_of(keys[1], keys[2], change.now)
  write_down(audit_key_in(keys), {now = change.now, by = by, act = act, before = before, after = after})
end

local function act(keys, args)
  local channel, poll_id, name, by, closes_at, version_named, seen_epoch, voter_key = unpack(args)
  local version = redis.call('HGET', keys[1], 'version')
  if not version then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  if stands_already(keys, name, phase, window, closes_at) then
    return {STANDS, snapshot(keys[1], keys[2], now, true)}
  end
  if version_named ~= '' and version_named ~= version then
    return {VERSION_MOVED, tonumber(version)}
  end
  if window.scoring and name ~= 'publish' then
    return {UNDER_WAY, scoring_of(window.scoring)}
  end
  if not FROM[name][phase] then
    return {CONFLICT, phase}
  end
  local end_named = tonumber(closes_at)
  if end_named and (end_named <= now or (window.resolve_by and end_named >= window.resolve_by)) then
    return {PAST}
  end
  apply(keys, name, by, {now = now, window = window, phase = phase, closes_at = closes_at,
    seen_epoch = seen_epoch, voter_key = voter_key})
  return announced(keys, channel, poll_id, now)
end

register('act', act)
