-- scan: some of the ballots in one bucket of a poll.
--
-- KEYS  poll, tally, bucket, tags (where they are wanted)
-- ARGV  birth of the poll meant, epoch meant, cursor ('0' to begin)
-- Answers
--   {'gone'}  also where another poll has the id by now, or its history began anew: what came before is void
--   {'done', next cursor ('0': that was all), {field, value, ...}, {tag, ...}}  tags in the order of the fields, ''
--       where there is none; the list is empty where they are not wanted
-- Guarantees: HSCAN's. A ballot that is there from the first page to the last comes at least once, as it stood at
-- its page; one that is cast meanwhile may or may not. A page is some PAGE_OF_BALLOTS, so votes wait a millisecond.
-- Writes nothing.

local PAGE_OF_BALLOTS = 1000

local function scan(keys, args)
  local birth, epoch, cursor = unpack(args)
  if redis.call('HGET', keys[1], 'birth') ~= birth or redis.call('HGET', keys[2], 'epoch') ~= epoch then
    return {GONE}
  end
  local page = redis.call('HSCAN', keys[3], cursor, 'COUNT', PAGE_OF_BALLOTS)
  return {DONE, page[1], page[2], keys[4] and tags_on(keys[4], page[2]) or {}}
end

register('scan', scan, {'no-writes'})
