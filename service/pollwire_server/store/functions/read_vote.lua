-- read_vote: return the current vote of one voter.
--
-- KEYS  poll, tally, bucket of the voter, history (only for a prediction)
-- ARGV  incarnation of the poll, voter, time of the vote ('' any)
-- Returns
--   {'gone'}  no such poll, or another incarnation
--   {'done', seq, stored, history}  history: includes/vote_history.lua, nil if there is none; stored: revision (3 bytes), at (6 bytes, ms), code ('' if withdrawn); nil: no vote
-- With a time, a vote of an open poll whose key expired is found under its other field (cast_ballots.lua).
-- Writes nothing.

local function read_vote(keys, args)
  if redis.call('HGET', keys[1], 'incarnation') ~= args[1] then
    return {GONE}
  end
  local voter, at = args[2], tonumber(args[3])
  local stored = redis.call('HGET', keys[3], voter)
  local _, stored_at = unpack_ballot(stored)
  if at and at ~= stored_at then
    stored = redis.call('HGET', keys[3], voter .. struct.pack('>I6', at)) or stored
  end
  return {DONE, tonumber(redis.call('HGET', keys[2], 'seq') or 0), stored or false,
    keys[4] and redis.call('HGET', keys[4], voter) or false}
end

register('read_vote', read_vote, {'no-writes'})
