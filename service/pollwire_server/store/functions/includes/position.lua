-- Where a poll's history stands: an epoch (ms in twelve hex digits, so ordered) and a seq that grows within it.
--
-- Every counting step and every read brings the highest position its process has seen. A store that is behind it
-- has lost history (a failover, a restored copy), and what it says next must not look older to those who watch:
-- it starts a new epoch, later than both. A plain restart loses nothing and changes nothing.

local function epoch_after(seen_epoch, now)
  local earliest = now
  if seen_epoch ~= '' then
    earliest = math.max(now, tonumber(seen_epoch, 16) + 1)
  end
  return string.format('%012x', earliest)
end

-- epoch, seq of the poll, a new epoch written where the store is behind what was seen ('' and 0: nothing was).
local function position_at(tally_key, seen_epoch, seen_seq, now)
  local stored = redis.call('HMGET', tally_key, 'epoch', 'seq')
  local epoch, seq = stored[1] or '', tonumber(stored[2]) or 0
  if epoch == '' or epoch < seen_epoch or (epoch == seen_epoch and seq < tonumber(seen_seq)) then
    epoch = epoch_after(seen_epoch, now)
    redis.call('HSET', tally_key, 'epoch', epoch)
  end
  return epoch, seq
end
