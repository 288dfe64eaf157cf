-- webhook_claim: events that may be tried now, each for one worker alone until its lease ends.
--
-- KEYS  of the webhook (includes/strands.lua)
-- ARGV  lease (ms), most events
-- Returns {now, next, waiting, {strand, id, try, kind, body}, ...}
--   next: the next instant at which there will be something to claim (-1: none), a lease's end among them
--   waiting: how many events wait to be told, those claimed among them
--   try: from 1; names this claim to webhook_answered
-- Guarantees: of one strand one event at a time, the first. A worker that dies with a claim delays it by the lease.

local function claim_first_event(keys, ordering_key, lease_ms, now)
  local id = read_queue(keys, ordering_key)[1]
  local event = read_event(keys, id)
  event.tries = event.tries + 1
  event.since = event.since == 0 and now or event.since
  write_event(keys, id, event)
  redis.call('ZADD', keys[DUE], int_string(now + lease_ms), ordering_key)
  return {ordering_key, id, event.tries, event.kind, event.body}
end

local function webhook_claim(keys, args)
  local lease_ms, most = tonumber(args[1]), tonumber(args[2])
  local now = now_ms()
  local ordering_keys = redis.call('ZRANGEBYSCORE', keys[DUE], '-inf', int_string(now), 'LIMIT', 0, most)
  local answer = {now, -1, redis.call('HLEN', keys[EVENTS])}
  for _, ordering_key in ipairs(ordering_keys) do
    answer[#answer + 1] = claim_first_event(keys, ordering_key, lease_ms, now)
  end
  local first = redis.call('ZRANGE', keys[DUE], 0, 0, 'WITHSCORES')
  answer[2] = tonumber(first[2]) or -1
  return answer
end

register('webhook_claim', webhook_claim)
