-- create_poll: create a poll.
--
-- KEYS  poll, tally, every other key of the poll, its location or the keys of its series, audit
-- ARGV  channel, poll id, seen epoch, digest, voter key, incarnation, name of the operator, poll for the audit log
--       (JSON), doc, opens_at, closes_at ('' none), revote, identity, results, capacity ('' none), ranked ('1'
--       or ''), resolve_by ('' none), forecast (letters of the outcomes, '' none), ordered ('1' or ''), series ('' none)
-- Returns
--   {'done', snapshot}       created, at version 1
--   {'no_change', snapshot}  the same request (digest) created it before; nothing was written
--   {'exists'}               another poll has this id
--   {'moved', series, incarnation, at, now}  the id is reserved for a poll of a series (claim_poll_id.lua)
-- Guarantees: polls of a series share the voter key of the series; its first poll creates the key. A repeat changes
-- nothing. A poll with the id of a deleted poll starts a later epoch.

local function create_poll(keys, args)
  local channel, poll_id, seen_epoch, digest, voter_key, incarnation, by, audit_doc = unpack(args, 1, 8)
  local doc, opens_at, closes_at, revote, identity, results, capacity, ranked, resolve_by, forecast,
    ordered, series = unpack(args, 9)
  local now = now_ms()
  local current = redis.call('HGET', keys[1], 'digest')
  if current and current ~= digest then
    return {EXISTS}
  end
  if current then
    latch(keys[1], window_of(keys[1]), now)
    return {NO_CHANGE, snapshot(keys[1], keys[2], now, true)}
  end
  if series ~= '' then
    voter_key = join_series(keys, poll_id, voter_key, forecast ~= '', now)
  elseif series_at(keys[LOCATION]) then
    return {MOVED, unpack(read_claim(keys[LOCATION], now))}
  end
  redis.call('HSET', keys[1], 'doc', doc, 'digest', digest, 'version', 1, 'incarnation', incarnation,
    'opens_at', opens_at, 'revote', revote, 'identity', identity, 'results', results, 'voter_key', voter_key)
  set_or_clear(keys[1], 'closes_at', closes_at)
  set_or_clear(keys[1], 'capacity', capacity)
  set_or_clear(keys[1], 'ranked', ranked)
  set_or_clear(keys[1], 'resolve_by', resolve_by)
  set_or_clear(keys[1], 'forecast', forecast)
  set_or_clear(keys[1], 'ordered', ordered)
  set_or_clear(keys[1], 'series', series)
  redis.call('HSET', keys[2], 'epoch', epoch_after(seen_epoch, now), 'seq', 0, 'voters', 0)
  add_clock_events(keys, now, now)
  local after = audit_state(keys[1], keys[2], now)
  append_audit(audit_key_in(keys), {now = now, by = by, act = 'create', before = '', after = after,
    change = audit_doc})
  return publish_and_reply(keys, channel, poll_id, now)
end

register('create_poll', create_poll)
