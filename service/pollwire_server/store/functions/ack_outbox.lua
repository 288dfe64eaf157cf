-- ack_outbox: events were handed on, and leave the poll's outbox.
--
-- KEYS  outbox
-- ARGV  stream ids
-- Returns {'done'}. Harmless to repeat. An outbox that is empty takes no room.

local function ack_outbox(keys, args)
  redis.call('XDEL', keys[1], unpack(args))
  if redis.call('XLEN', keys[1]) == 0 then
    redis.call('UNLINK', keys[1])
  end
  return {DONE}
end

register('ack_outbox', ack_outbox)
