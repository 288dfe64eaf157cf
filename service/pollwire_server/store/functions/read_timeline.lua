-- read_timeline: a poll's totals over time, with the totals as they stand now.
--
-- KEYS  poll, tally, timeline
-- ARGV  stamp the reader holds ('' none), seen epoch, seen seq
-- Returns {'gone'}, or {'done', snapshot, end of the present interval (ms; -1: nothing was counted yet),
--   {point, ...}}  includes/timeline.lua says what a point is; the newest is the snapshot's tally.
-- Guarantees: all of one instant; otherwise as read.

local function read_timeline(keys, args)
  local answer = read_poll(keys, args)
  if answer[1] == DONE then
    answer[3] = decode_interval(redis.call('HGET', keys[1], 'timeline')) or -1
    answer[4] = redis.call('LRANGE', keys[3], 0, -1)
  end
  return answer
end

register('read_timeline', read_timeline, {'allow-oom'})
