-- withdraw_vote: withdraw the vote of one voter.
--
-- KEYS  poll, tally, bucket of the voter, rankings, recount_saved, timeline, tags, history
-- ARGV  channel, poll id, incarnation, seen epoch, seen seq, voter,
--       expected revision plus one (3 bytes, big-endian; 0: any), '1' if the poll is a prediction ('' otherwise)
-- Returns
--   {'gone'}  no such poll, or another incarnation
--   {'done', now, epoch, seq after, closed_at (-1: not closed), outcome, stored}  as cast_ballots for one ballot;
--       outcome: WITHDRAWN (also for a repeat, which writes nothing), CLOSED, NOT_OPEN, ALREADY_VOTED (the
--       poll does not allow it) or STALE_REVISION; '' if this voter has never voted
-- Guarantees: as cast_ballots. A tombstone keeps the revision, so that a late retry is still rejected.

local function withdrawal_refusal(phase, revote, expected, revision)
  if phase ~= OPEN_PHASE then
    return phase == SCHEDULED_PHASE and OUTCOME_NOT_OPEN or OUTCOME_CLOSED
  elseif revote ~= 'withdraw' then
    return OUTCOME_ALREADY_VOTED
  elseif expected and expected ~= revision then
    return OUTCOME_STALE_REVISION
  end
end

local function withdraw_vote(keys, args)
  local channel, poll_id, incarnation, seen_epoch, seen_seq, voter, named, is_prediction = unpack(args)
  local poll = redis.call('HMGET', keys[1], 'incarnation', 'revote', 'version', 'ranked', 'recount', 'timeline',
    'forecast')
  if poll[1] ~= incarnation then
    return {GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  local epoch, seq = position_at(keys[2], seen_epoch, seen_seq, now)
  local stored = redis.call('HGET', keys[3], voter)
  local revision, _, choice = unpack_ballot(stored)
  local closed_at = window.closed_at or -1
  if choice == '' then
    return {DONE, now, epoch, seq, closed_at, stored and OUTCOME_WITHDRAWN or '', stored or nil}
  end
  local refused = withdrawal_refusal(phase, poll[2], decode_expected_revision(named, 1), revision)
  if refused then
    return {DONE, now, epoch, seq, closed_at, refused, stored}
  end
  local tombstone, deltas = pack_ballot(revision + 1, now, ''), {seq = 1, voters = -1}
  local counting = new_counting(poll[4], poll[7])
  count_code(deltas, counting, choice, -1)
  save_one_for_recount(keys[1], keys[5], voter, stored, poll[5], now)
  redis.call('HSET', keys[3], voter, tombstone)
  remove_tags(keys[7], {voter})
  if is_prediction ~= '' then
    vote_history.add(keys[8], voter, stored)
  end
  record_timeline_point(keys[1], keys[2], keys[6], poll[6], now)
  add_counts(keys[2], deltas, counting)
  add_rankings(keys[4], counting)
  publish_change(channel, poll_id, poll[3], epoch, seq + 1)
  return {DONE, now, epoch, seq + 1, closed_at, OUTCOME_WITHDRAWN, tombstone}
end

register('withdraw_vote', withdraw_vote)
