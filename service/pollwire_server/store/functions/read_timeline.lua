-- read_timeline: return the totals of a poll over time, and the current totals.
--
-- KEYS  poll, tally, timeline
-- ARGV  stamp of the caller's version ('' none), seen epoch, seen seq, mark of the caller's points ('' none)
-- Returns {'gone'}, or {'done', snapshot, end of the current interval (ms; -1: no vote yet), mark, {point, ...}}
-- The points are nil if the caller has them: the same version and mark. The mark is the poll's field 'timeline' and
-- the number of points, because every change of the list changes one of them.
-- The format of a point is in includes/timeline.lua. The newest point is the snapshot's tally.
-- Guarantees: one consistent instant; otherwise as read_poll.
-- read_timeline_only: as read_poll_only.

local function read_timeline(keys, args, is_read_only)
  local answer = read_poll(keys, args, is_read_only)
  if answer[1] == DONE then
    local interval = redis.call('HGET', keys[1], 'timeline')
    local mark = (interval or '') .. redis.call('LLEN', keys[3])
    answer[3] = decode_interval(interval) or -1
    answer[4] = mark
    if mark ~= args[4] or stamp_of(keys[1]) ~= args[1] then
      answer[5] = redis.call('LRANGE', keys[3], 0, -1)
    end
  end
  return answer
end

register('read_timeline', read_timeline, {'allow-oom'})
register('read_timeline_only', function(keys, args) return read_timeline(keys, args, true) end, {'no-writes'})
