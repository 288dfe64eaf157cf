-- Position in a poll's history: an epoch (ms in twelve hex digits, so it sorts) and a seq that grows within it.
--
-- Every counting step and every read sends the highest position that its process has seen. A store that is behind has
-- lost history (a failover, a restored copy), and its next results must not look older to subscribers. It then
-- starts a new epoch, later than both. A plain restart loses nothing and changes nothing.

local function epoch_after(seen_epoch, now)
  local earliest = now
  if seen_epoch ~= '' then
    earliest = math.max(now, tonumber(seen_epoch, 16) + 1)
  end
  return string.format('%012x', earliest)
end

-- Return true if the store has no position, or lost history: it is behind the seen position ('' and 0: none seen).
local function is_behind(tally_key, seen_epoch, seen_seq)
  local stored = redis.call('HMGET', tally_key, 'epoch', 'seq')
  local epoch, seq = stored[1] or '', tonumber(stored[2]) or 0
  return epoch == '' or epoch < seen_epoch or (epoch == seen_epoch and seq < tonumber(seen_seq)), epoch, seq
end

-- epoch, seq of the poll. Start a new epoch if the store is behind the seen position ('' and 0: none seen).
local function position_at(tally_key, seen_epoch, seen_seq, now)
  local behind, epoch, seq = is_behind(tally_key, seen_epoch, seen_seq)
  if behind then
    epoch = epoch_after(seen_epoch, now)
    redis.call('HSET', tally_key, 'epoch', epoch)
  end
  return epoch, seq
end
