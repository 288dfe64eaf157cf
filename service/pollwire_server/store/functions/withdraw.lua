-- withdraw: a voter takes a choice back.
--
-- KEYS  poll, tally, the voter's bucket, rankings, aside, timeline, tags
-- ARGV  channel, poll id, birth of the poll meant, seen epoch, seen seq, voter,
--       revision to be replaced plus one (3 bytes, big-endian; 0 names none)
-- Answers
--   {'gone'}  also where another poll has the id by now
--   {'done', now, epoch, seq after, closed_at (-1: not closed), outcome, held}  much as cast for one ballot;
--       outcome is WITHDRAWN (a repeat answers the same and writes nothing), or why not: CLOSED, ALREADY_VOTED
--       (the poll lets nobody take back), STALE_REVISION; '' where this voter never voted
-- Guarantees: as cast. A tombstone stays, so that the revision goes on growing and a late retry stays late.

local function withdrawal_refusal(phase, revote, expected, revision)
  if phase ~= OPEN then
    return phase == SCHEDULED and NOT_OPEN or CLOSED
  elseif revote ~= 'withdraw' then
    return ALREADY_VOTED
  elseif expected and expected ~= revision then
    return STALE_REVISION
  end
end

local function withdraw(keys, args)
  local channel, poll_id, birth, seen_epoch, seen_seq, voter, named = unpack(args)
  local poll = redis.call('HMGET', keys[1], 'birth', 'revote', 'version', 'ranked', 'recount', 'timeline')
  if poll[1] ~= birth then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  local epoch, seq = position_at(keys[2], seen_epoch, seen_seq, now)
  local held = redis.call('HGET', keys[3], voter)
  local revision, _, choice = unpacked(held)
  local closed_at = window.closed_at or -1
  if choice == '' then
    return {DONE, now, epoch, seq, closed_at, held and WITHDRAWN or '', held or nil}
  end
  local refused = withdrawal_refusal(phase, poll[2], expected_in(named, 1), revision)
  if refused then
    return {DONE, now, epoch, seq, closed_at, refused, held}
  end
  local tombstone, deltas, rankings = packed(revision + 1, now, ''), {seq = 1, voters = -1}, {}
  count_code(deltas, poll[4] and rankings, choice, -1)
  keep_one_aside(keys[1], keys[5], voter, held, poll[5], now)
  redis.call('HSET', keys[3], voter, tombstone)
  untag(keys[7], {voter})
  keep_time(keys[1], keys[2], keys[6], poll[6], now)
  add_counts(keys[2], deltas)
  add_rankings(keys[4], rankings)
  give_notice(channel, poll_id, poll[3], epoch, seq + 1)
  return {DONE, now, epoch, seq + 1, closed_at, WITHDRAWN, tombstone}
end

register('withdraw', withdraw)
