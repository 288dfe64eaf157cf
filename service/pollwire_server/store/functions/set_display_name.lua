-- set_display_name: set the display name of a voter in a series.
--
-- KEYS  poll, tally, bucket of the voter, names
-- ARGV  incarnation of the poll, voter, name
-- Returns {'done'}, {'no_change'} if the name is the same, or {'gone'} if there is no such poll or no vote in it.

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
