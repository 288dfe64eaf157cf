#!lua name=peer
--[[ One vote, as a careful team would count it by hand: the equal of ``cast`` for one ballot, for peers to call.
     KEYS: poll (opens_at, closes_at), tally, voters. ARGV: voter, choice.
     Answers {status, seq}: counted, unchanged, already-voted, not-open or closed. ]]
local function vote(keys, args)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local window = redis.call('HMGET', keys[1], 'opens_at', 'closes_at')
  if now < tonumber(window[1]) then return {'not-open', 0} end
  if now >= tonumber(window[2]) then return {'closed', 0} end
  local standing = redis.call('HGET', keys[3], args[1])
  if standing then return {standing == args[2] and 'unchanged' or 'already-voted', 0} end
  redis.call('HSET', keys[3], args[1], args[2])
  redis.call('HINCRBY', keys[2], args[2], 1)
  return {'counted', redis.call('HINCRBY', keys[2], 'seq', 1)}
end
redis.register_function('vote', vote)
