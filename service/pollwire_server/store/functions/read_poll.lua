-- read_poll: a poll's totals, and the poll itself where the reader holds another version.
--
-- KEYS  poll, tally, and in the slot of the id its home
-- ARGV  stamp the reader holds ('' none), seen epoch, seen seq
-- Returns {'gone'}, {'moved', series} where the poll lies with a series, or {'done', snapshot}; the snapshot's poll
-- is nil where the stamp still stands.
-- Guarantees: one consistent instant; latches a window whose end has come; starts a new epoch where the store is
-- behind what was seen. Runs when memory is short: what it may write is two small fields.

local function read_poll(keys, args)
  local stamp, seen_epoch, seen_seq = unpack(args)
  if redis.call('EXISTS', keys[1]) == 0 then
    local series = keys[3] and series_at(keys[3])
    return series and {MOVED, series} or {GONE}
  end
  local now = now_ms()
  latch(keys[1], window_of(keys[1]), now)
  local current = stamp_of(keys[1])
  position_at(keys[2], seen_epoch, seen_seq, now)
  return {DONE, snapshot(keys[1], keys[2], now, current ~= stamp)}
end

register('read_poll', read_poll, {'allow-oom'})
