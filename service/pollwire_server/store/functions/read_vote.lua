-- read_vote: the choice of one voter.
--
-- KEYS  poll, tally, the voter's bucket
-- ARGV  birth of the poll meant, voter, at ('' any): the instant of the vote that is asked for
-- Returns
--   {'gone'}  also where another poll has the id by now
--   {'done', seq, held}  held: revision (3 bytes), at (6 bytes, ms), code ('' where it was taken back); nil: none
-- With an instant, a vote that was set aside since (cast.lua: open polls) is found under its other name.
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
  return {DONE, tonumber(redis.call('HGET', keys[2], 'seq') or 0), stored}
end

register('read_vote', read_vote, {'no-writes'})
