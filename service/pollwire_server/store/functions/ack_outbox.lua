-- ack_outbox: remove events from a poll's outbox after they were queued for the webhooks.
--
-- KEYS  outbox
-- ARGV  stream ids
-- Returns {'done'}
-- Guarantees: a repeat changes nothing. An empty outbox is deleted.

local function ack_outbox(keys, args)
  redis.call('XDEL', keys[1], unpack(args))
  if redis.call('XLEN', keys[1]) == 0 then
    redis.call('UNLINK', keys[1])
  end
  return {DONE}
end

register('ack_outbox', ack_outbox)
