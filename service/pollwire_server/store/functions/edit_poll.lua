-- edit_poll: store the next version of a poll. The caller has validated it; this checks what can have changed since.
--
-- KEYS  poll, tally, every other key of the poll, its location or the keys of its series, audit
-- ARGV  channel, poll id, stamp of the edited version, '1' if validated as a poll without votes, name of the
-- operator,
--       changes for the audit log (JSON), doc, opens_at, closes_at ('' none), revote, identity, results,
--       capacity ('' none), ranked ('1' or ''), resolve_by ('' none), forecast (letters of the
--       outcomes, '' none), ordered ('1' or '')
-- Returns
--   {'done', snapshot}  the new version is stored
--   {'gone'}            no such poll
--   {'version', n}      the poll has version n, got its first vote, or changed phase under the new window;
--   nothing was
--                       written
--   {'over_capacity', letter, n}  n voters chose the option, more than its new capacity; nothing was written
-- Guarantees: no counted vote is outside the new window. No vote can come between an edit that requires a poll
-- without votes and its check.

-- Return true if the window cannot change any more: closed, opened already, or the new end is past.
local function is_late(window, opens_at, closes_at, now)
  if opens_at == window.opens_at and closes_at == window.closes_at then
    return false
  end
  local opened = opens_at ~= window.opens_at and now >= window.opens_at
  return window.closed_at ~= nil or opened or (closes_at ~= nil and closes_at <= now)
end

local function edit_poll(keys, args)
  local channel, poll_id, stamp, unvoted, by, change = unpack(args, 1, 6)
  local doc, opens_at, closes_at, revote, identity, results, capacity, ranked, resolve_by, forecast, ordered =
    unpack(args, 7)
  local current = stamp_of(keys[1])
  if not current then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  latch(keys[1], window, now)
  local voted = tonumber(redis.call('HGET', keys[2], 'seq') or 0) > 0
  local late = is_late(window, tonumber(opens_at), tonumber(closes_at), now)
  if current ~= stamp or (voted and unvoted == '1') or late then
    return {VERSION_MOVED, tonumber(redis.call('HGET', keys[1], 'version'))}
  end
  local full, votes = option_over_capacity(keys[2], capacity)
  if full then
    return {OVER_CAPACITY, full, votes}
  end
  local before = audit_state(keys[1], keys[2], now)
  add_clock_events(keys, now)
  redis.call('HSET', keys[1], 'doc', doc, 'opens_at', opens_at, 'revote', revote, 'identity', identity,
    'results', results)
  set_or_clear(keys[1], 'closes_at', closes_at)
  set_or_clear(keys[1], 'capacity', capacity)
  set_or_clear(keys[1], 'ranked', ranked)
  set_or_clear(keys[1], 'resolve_by', resolve_by)
  set_or_clear(keys[1], 'forecast', forecast)
  set_or_clear(keys[1], 'ordered', ordered)
  redis.call('HINCRBY', keys[1], 'version', 1)
  add_clock_events(keys, now, now)
  local after = audit_state(keys[1], keys[2], now)
  append_audit(audit_key_in(keys), {now = now, by = by, act = 'edit', before = before, after = after,
    change = change})
  return publish_and_reply(keys, channel, poll_id, now)
end

register('edit_poll', edit_poll)
