-- What functions say of a poll as a whole, and how they tell those who watch.

-- The stamp names one version of one poll: a deleted poll's id may be used again, and version 1 with it.
local function stamp_of(poll_key)
  local stored = redis.call('HMGET', poll_key, 'version', 'incarnation')
  return stored[1] and stored[1] .. '.' .. stored[2]
end

-- now, closed_at (-1: not closed), the tally's and the poll's fields as flat lists; the poll's only when wanted.
local function snapshot(poll_key, tally_key, now, with_poll)
  local closed_at = redis.call('HGET', poll_key, 'closed_at')
  local poll = with_poll and redis.call('HGETALL', poll_key) or false
  return {now, tonumber(closed_at) or -1, redis.call('HGETALL', tally_key), poll}
end

-- Notice to whoever watches: '<poll> <version> <epoch> <seq>'. At most once, and truth never depends on it.
local function publish_change(channel, poll_id, version, epoch, seq)
  redis.call('PUBLISH', channel, poll_id .. ' ' .. version .. ' ' .. epoch .. ' ' .. int_string(seq))
end

-- Sets a field, or takes it away where the text is empty.
local function set_or_clear(key, field, text)
  if text == '' then
    redis.call('HDEL', key, field)
  else
    redis.call('HSET', key, field, text)
  end
end

-- After an edit or an act: the answer DONE with everything, and the notice given.
local function publish_and_reply(keys, channel, poll_id, now)
  local version = redis.call('HGET', keys[1], 'version')
  local epoch, seq = position_at(keys[2], '', 0, now)
  publish_change(channel, poll_id, version, epoch, seq)
  return {DONE, snapshot(keys[1], keys[2], now, true)}
end
