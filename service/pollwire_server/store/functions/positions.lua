-- positions: where many polls stand, for whoever watches them and may have missed a notice.
--
-- KEYS  poll, tally, poll, tally, ... (of one slot where the store is a cluster)
-- ARGV  none
-- Answers, for each poll in order, {version, epoch, seq, phase}, or nil where there is none. Writes nothing.

local function positions(keys)
  local now, answer = now_ms(), {}
  for index = 1, #keys, 2 do
    local version = redis.call('HGET', keys[index], 'version')
    local held = redis.call('HMGET', keys[index + 1], 'epoch', 'seq')
    local phase = version and phase_of(window_of(keys[index]), now)
    answer[#answer + 1] = version and {tonumber(version), held[1], tonumber(held[2]), phase}
  end
  return answer
end

register('positions', positions, {'no-writes'})
