-- Replies about a poll, and notifications to subscribers.

-- Stamp of one version of one poll. A new poll can reuse the id of a deleted one, so the version alone is not enough.
local function stamp_of(poll_key)
  local stored = redis.call('HMGET', poll_key, 'version', 'incarnation')
  return stored[1] and stored[1] .. '.' .. stored[2]
end

-- now, closed_at (-1: not closed), the fields of the tally, and those of the poll if requested, as flat lists.
local function snapshot(poll_key, tally_key, now, with_poll)
  local closed_at = redis.call('HGET', poll_key, 'closed_at')
  local poll = with_poll and redis.call('HGETALL', poll_key) or false
  return {now, tonumber(closed_at) or -1, redis.call('HGETALL', tally_key), poll}
end

-- Publish '<poll> <version> <epoch> <seq>'. Delivery is at most once, and correctness never depends on it.
local function publish_change(channel, poll_id, version, epoch, seq)
  redis.call('PUBLISH', channel, poll_id .. ' ' .. version .. ' ' .. epoch .. ' ' .. int_string(seq))
end

-- Set a field, or delete it if the text is empty.
local function set_or_clear(key, field, text)
  if text == '' then
    redis.call('HDEL', key, field)
  else
    redis.call('HSET', key, field, text)
  end
end

-- Publish the change of an edit or an action, and return the reply DONE with the new snapshot.
local function publish_and_reply(keys, channel, poll_id, now)
  local version = redis.call('HGET', keys[1], 'version')
  local epoch, seq = position_at(keys[2], '', 0, now)
  publish_change(channel, poll_id, version, epoch, seq)
  return {DONE, snapshot(keys[1], keys[2], now, true)}
end
