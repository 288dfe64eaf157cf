-- read_positions: return the positions of many polls, for callers that can have missed notifications.
--
-- KEYS  poll, tally, poll, tally, ... (of one slot in a cluster)
-- ARGV  none
-- Returns for each poll {version, epoch, seq, phase}, or nil if it does not exist. Writes nothing.

local function read_positions(keys)
  local now, answer = now_ms(), {}
  for index = 1, #keys, 2 do
    local version = redis.call('HGET', keys[index], 'version')
    local stored = redis.call('HMGET', keys[index + 1], 'epoch', 'seq')
    local phase = version and phase_of(window_of(keys[index]), now)
    answer[#answer + 1] = version and {tonumber(version), stored[1], tonumber(stored[2]), phase}
  end
  return answer
end

register('read_positions', read_positions, {'no-writes'})
