-- read_poll: return the totals of a poll, and the poll itself if the caller has another version.
--
-- KEYS  poll, tally, location (in the slot of the id)
-- ARGV  stamp of the caller's version ('' none), seen epoch, seen seq
-- Returns {'gone'}, {'moved', series} if the poll is stored with a series, or {'done', snapshot}. The snapshot has no
-- poll if the stamp is current.
-- Guarantees: one consistent instant. Stores the end of a window that has passed, and a new epoch if the store is
-- behind the seen position. Runs when memory is short, because it writes at most two small fields.
--
-- read_poll_only: the same for a store that rejects writes (a replica, a full disk). Writes nothing. Returns {'stale'}
-- if the store is behind the seen position, because only a write could start a new epoch.

local function read_poll(keys, args, is_read_only)
  local stamp, seen_epoch, seen_seq = unpack(args)
  if redis.call('EXISTS', keys[1]) == 0 then
    local series = keys[3] and series_at(keys[3])
    return series and {MOVED, series} or {GONE}
  end
  local now = now_ms()
  if is_read_only then
    if is_behind(keys[2], seen_epoch, seen_seq) then
      return {STALE}
    end
    return {DONE, snapshot(keys[1], keys[2], now, stamp_of(keys[1]) ~= stamp)}
  end
  latch(keys[1], window_of(keys[1]), now)
  local current = stamp_of(keys[1])
  position_at(keys[2], seen_epoch, seen_seq, now)
  return {DONE, snapshot(keys[1], keys[2], now, current ~= stamp)}
end

register('read_poll', read_poll, {'allow-oom'})
register('read_poll_only', function(keys, args) return read_poll(keys, args, true) end, {'no-writes'})
