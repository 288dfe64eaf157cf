-- name: a voter who takes part in a series wants to be called by a name there.
--
-- KEYS  poll, tally, the voter's bucket, names
-- ARGV  birth of the poll voted in, voter, name
-- Answers {'done'}, {'stands'} where that is the name already, or {'gone'}: no such poll, or no vote of theirs in it.

local function name(keys, args)
  local birth, voter, wanted = unpack(args)
  local _, _, choice = unpacked(redis.call('HGET', keys[3], voter))
  if redis.call('HGET', keys[1], 'birth') ~= birth or choice == '' then
    return {GONE}
  elseif redis.call('HGET', keys[4], voter) == wanted then
    return {STANDS}
  end
  redis.call('HSET', keys[4], voter, wanted)
  return {DONE}
end

register('name', name)
