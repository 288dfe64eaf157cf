-- read_timeline: return the totals of a poll over time, and the current totals.
--
-- KEYS  poll, tally, timeline
-- ARGV  stamp of the caller's version ('' none), seen epoch, seen seq
-- Returns {'gone'}, or {'done', snapshot, end of the current interval (ms; -1: no vote yet), {point, ...}}
-- The format of a point is in includes/timeline.lua. The newest point is the snapshot's tally.
-- Guarantees: one consistent instant; otherwise as read_poll.
-- read_timeline_only: as read_poll_only.

local function read_timeline(keys, args, is_read_only)
  local answer = read_poll(keys, args, is_read_only)
  if answer[1] == DONE then
    answer[3] = decode_interval(redis.call('HGET', keys[1], 'timeline')) or -1
    answer[4] = redis.call('LRANGE', keys[3], 0, -1)
  end
  return answer
end

register('read_timeline', read_timeline, {'allow-oom'})
register('read_timeline_only', function(keys, args) return read_timeline(keys, args, true) end, {'no-writes'})
