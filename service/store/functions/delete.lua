-- delete: a poll and every vote in it are gone.
--
-- KEYS  poll, tally, 16 buckets, rankings
-- ARGV  channel, poll id
-- Answers {'done'}, or {'gone'} if it was so already.
-- Guarantees: all or nothing; watchers are told '<poll> gone'.

local function delete(keys, args)
  if redis.call('EXISTS', keys[1]) == 0 then
    return {GONE}
  end
  redis.call('UNLINK', unpack(keys))
  redis.call('PUBLISH', args[1], args[2] .. ' gone')
  return {DONE}
end

register('delete', delete)
