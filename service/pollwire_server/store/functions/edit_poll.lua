-- edit_poll: a poll's next version, judged by the caller and checked here against what may have moved since.
--
-- KEYS  poll, tally, and every other key of the poll, its home or what its series keeps, audit
-- ARGV  channel, poll id, stamp judged by, '1' if judged as never voted on, operator's name,
--       what changes for the audit log (JSON), doc, opens_at, closes_at ('' none), revote, identity, results,
--       capacity ('' none bounded), ranked ('1' or ''), resolve_by ('' none)
-- Returns
--   {'done', snapshot}   the new version stands
--   {'gone'}
--   {'version', n}       not what was judged: another version stands (n), the first vote was counted since, or
--                        the clock has moved the phase from under the new window; nothing was written
--   {'overfilled', letter, n}  n voters have chosen the option, more than its capacity would be; nothing was written
-- Guarantees: no vote that was counted falls outside the new window, and none slips in before an edit that
-- only an unvoted poll may have.

-- Whether moving the window now would falsify: over already, opened already, or to an end that is past.
local function is_late(window, opens_at, closes_at, now)
  if opens_at == window.opens_at and closes_at == window.closes_at then
    return false
  end
  local opened = opens_at ~= window.opens_at and now >= window.opens_at
  return window.closed_at ~= nil or opened or (closes_at ~= nil and closes_at <= now)
end

local function edit_poll(keys, args)
  local channel, poll_id, stamp, unvoted, by, change = unpack(args, 1, 6)
  local doc, opens_at, closes_at, revote, identity, results, capacity, ranked, resolve_by = unpack(args, 7)
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
  redis.call('HINCRBY', keys[1], 'version', 1)
  add_clock_events(keys, now)
  local after = audit_state(keys[1], keys[2], now)
  append_audit(audit_key_in(keys), {now = now, by = by, act = 'edit', before = before, after = after, change = change})
  return publish_and_reply(keys, channel, poll_id, now)
end

register('edit_poll', edit_poll)
