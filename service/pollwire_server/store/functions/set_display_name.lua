-- set_display_name: a voter who takes part in a series wants to be called by a name there.
--
-- KEYS  poll, tally, the voter's bucket, names
-- ARGV  birth of the poll voted in, voter, name
-- Returns {'done'}, {'stands'} where that is the name already, or {'gone'}: no such poll, or no vote of theirs in it.

local function set_display_name(keys, args)
  local incarnation, voter, requested = unpack(args)
  local _, _, choice = unpack_ballot(redis.call('HGET', keys[3], voter))
  if redis.call('HGET', keys[1], 'incarnation') ~= incarnation or choice == '' then
    return {GONE}
  elseif redis.call('HGET', keys[4], voter) == requested then
    return {NO_CHANGE}
  end
  redis.call('HSET', keys[4], voter, requested)
  return {DONE}
end

register('set_display_name', set_display_name)
