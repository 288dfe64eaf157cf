-- webhook_claim: claim events that are due, each for one worker until its lease ends.
--
-- KEYS  of the webhook (includes/delivery_queue.lua)
-- ARGV  lease (ms), maximum number of events
-- Returns {now, next, waiting, {ordering key, id, attempt, kind, body}, ...}
--   next: time of the next due event (-1: none), including ends of leases
--   waiting: number of queued events, including claimed ones
--   attempt: from 1; identifies this claim in webhook_record_attempt
-- Guarantees: only the first event of each ordering key is claimed. A worker that dies delays its events by
-- the lease.

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
