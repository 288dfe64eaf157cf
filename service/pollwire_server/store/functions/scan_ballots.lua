-- scan_ballots: return a page of the ballots in one bucket.
--
-- KEYS  poll, tally, bucket, tags (optional)
-- ARGV  incarnation of the poll, epoch, cursor ('0' to begin)
-- Returns
--   {'gone'}  no such poll, another incarnation, or another epoch: earlier pages are invalid
--   {'done', next cursor ('0': end), {field, value, ...}, {tag, ...}}  tags in the order of the fields, '' if none;
--       empty without the tags key
-- Guarantees: those of HSCAN. A ballot that exists throughout is returned at least once, as it was at its
-- page. A ballot that is cast meanwhile may be missing. A page has about SCAN_PAGE_SIZE ballots, so votes wait
-- for a millisecond. Writes nothing.

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
