-- erase_vote: delete the link between a voter and a vote.
--
-- KEYS  poll, tally, every other key of the poll, its location or the keys of its series, audit
-- ARGV  channel, poll id, incarnation, seen epoch, seen seq, voter, time of the vote ('' any; selects one vote of an
--       open poll), name of the operator ('': requested by the voter), an unused field (16 bytes, same bucket)
-- Returns
--   {'gone'}               no such poll, or another incarnation
--   {'conflict', phase}    archived: all votes are deleted; resolved: scores of a series depend on it; open: the poll
--                          does not let voters withdraw, and an erasure would be a withdrawal
--   {'in_progress', ...}   a resolution is being scored (includes/scoring.lua)
--   {'done', now, epoch, seq after, result}  'out': subtracted from the totals; 'kept': it still counts, without its
--                          voter; 'none': there was no vote, or only a withdrawn one
-- Guarantees
--   No tombstone, tag or display name stays. A running recount restarts, because it can hold a copy of the ballot.
--   A vote that an operator erases is subtracted; the audit entry does not name the voter.
--   A vote that its voter erases is subtracted while the poll is open. After voting has ended the totals stay,
--   so that no one can change a result by erasing votes, and the ballot moves to the unused field.

local function find_vote(keys, voter, at, is_open_to_all)
  local bucket = keys[bucket_of(voter)]
  local stored = redis.call('HGET', bucket, voter)
  local _, stored_at = unpack_ballot(stored)
  if not is_open_to_all or not at or at == stored_at then
    return voter, stored
  end
  local aside = voter .. struct.pack('>I6', at)
  return aside, redis.call('HGET', bucket, aside)
end

local function remove_field(keys, field, voter)
  redis.call('HDEL', keys[bucket_of(field)], field)
  remove_tags(keys[TAGS], {field})
  redis.call('HDEL', keys[HISTORY], field)
  end_recount(keys[1], keys[RECOUNT_SAVED])
  if is_in_series(keys) then
    redis.call('HDEL', keys[NAMES], voter)
  end
end

-- Subtract the vote from the totals.
local function subtract_vote(keys, poll, code, now)
  local deltas = {seq = 1, voters = -1}
  count_code(deltas, poll.counting, code, -1)
  record_timeline_point(keys[1], keys[2], keys[TIMELINE], poll.timeline, now)
  add_counts(keys[2], deltas, poll.counting)
  add_rankings(keys[RANKINGS], poll.counting)
end

-- The reply that rejects the erasure, or nil.
local function refusal_reply(keys, window, phase, poll, is_own)
  if window.scoring then
    return {IN_PROGRESS, scoring.decode(window.scoring)}
  elseif phase == ARCHIVED_PHASE or (window.resolution and is_in_series(keys)) then
    return {CONFLICT, phase}
  elseif is_own and phase == OPEN_PHASE and poll.revote ~= 'withdraw' then
    return {CONFLICT, phase}
  end
end

local function erase_vote(keys, args)
  local channel, poll_id, incarnation, seen_epoch, seen_seq, voter, at, by, name = unpack(args)
  local stored = redis.call('HMGET', keys[1], 'incarnation', 'version', 'revote', 'identity', 'ranked', 'timeline',
    'forecast')
  if stored[1] ~= incarnation then
    return {GONE}
  end
  local poll = {revote = stored[3], counting = new_counting(stored[5], stored[7]), timeline = stored[6]}
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  local field, value = find_vote(keys, voter, tonumber(at), stored[4] == 'open')
  local _, _, code = unpack_ballot(value)
  local refused = refusal_reply(keys, window, phase, poll, by == '' and code ~= '')
  if refused then
    return refused
  end
  local epoch, seq = position_at(keys[2], seen_epoch, seen_seq, now)
  if by ~= '' then
    add_clock_events(keys, now)
  end
  local before, history = audit_state(keys[1], keys[2], now), redis.call('HGET', keys[HISTORY], field)
  remove_field(keys, field, voter)
  if code == '' then
    return {DONE, now, epoch, seq, 'none'}
  elseif by == '' and phase ~= OPEN_PHASE then
    redis.call('HSET', keys[bucket_of(name)], name, value)
    if history then
      redis.call('HSET', keys[HISTORY], name, history)
    end
    return {DONE, now, epoch, seq, 'kept'}
  end
  subtract_vote(keys, poll, code, now)
  if by ~= '' then
    add_event(keys, CORRECTED_EVENT, now, now)
    local after = audit_state(keys[1], keys[2], now)
    append_audit(audit_key_in(keys), {now = now, by = by, act = 'erase', before = before, after = after})
  end
  publish_change(channel, poll_id, stored[2], epoch, seq + 1)
  return {DONE, now, epoch, seq + 1, 'out'}
end

register('erase_vote', erase_vote)
