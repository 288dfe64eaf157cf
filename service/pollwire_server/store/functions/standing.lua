-- standing: the choice of one voter.
--
-- KEYS  poll, tally, the voter's bucket
-- ARGV  birth of the poll meant, voter, at ('' any): the instant of the vote that is asked for
-- Answers
--   {'gone'}  also where another poll has the id by now
--   {'done', seq, held}  held: revision (3 bytes), at (6 bytes, ms), code ('' where it was taken back); nil: none
-- With an instant, a vote that was set aside since (cast.lua: open polls) is found under its other name.
-- Writes nothing.

local function standing(keys, args)
  if redis.call('HGET', keys[1], 'birth') ~= args[1] then
    return {GONE}
  end
  local voter, at = args[2], tonumber(args[3])
  local held = redis.call('HGET', keys[3], voter)
  local _, held_at = unpacked(held)
  if at and at ~= held_at then
    held = redis.call('HGET', keys[3], voter .. struct.pack('>I6', at)) or held
  end
  return {DONE, tonumber(redis.call('HGET', keys[2], 'seq') or 0), held}
end

register('standing', standing, {'no-writes'})
