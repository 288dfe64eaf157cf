-- scan_ballots: some of the ballots in one bucket of a poll.
--
-- KEYS  poll, tally, bucket, tags (where they are wanted)
-- ARGV  birth of the poll meant, epoch meant, cursor ('0' to begin)
-- Returns
--   {'gone'}  also where another poll has the id by now, or its history began anew: what came before is void
--   {'done', next cursor ('0': that was all), {field, value, ...}, {tag, ...}}  tags in the order of the fields, ''
--       where there is none; the list is empty where they are not wanted
-- Guarantees: HSCAN's. A ballot that is there from the first page to the last comes at least once, as it stood at
-- its page; one that is cast meanwhile may or may not. A page is some SCAN_PAGE_SIZE, so votes wait a millisecond.
-- Writes nothing.

local SCAN_PAGE_SIZE = 1000

local function scan_ballots(keys, args)
  local incarnation, epoch, cursor = unpack(args)
  if redis.call('HGET', keys[1], 'incarnation') ~= incarnation or redis.call('HGET', keys[2], 'epoch') ~= epoch then
    return {GONE}
  end
  local page = redis.call('HSCAN', keys[3], cursor, 'COUNT', SCAN_PAGE_SIZE)
  return {DONE, page[1], page[2], keys[4] and read_tags(keys[4], page[2]) or {}}
end

register('scan_ballots', scan_ballots, {'no-writes'})
