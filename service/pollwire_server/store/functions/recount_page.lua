-- recount_page: some ballots of one bucket, as they stood when the recount began.
--
-- KEYS  poll, tally, bucket, aside
-- ARGV  token, the bucket's place among a poll's keys (from 1), cursor ('0' to begin)
-- Returns
--   {'stale'}  the recount is over: it was too slow, or the ballots were reset, archived or deleted
--   {'done', next cursor ('0': that was all), {field, value, ...}}  value '' where nothing stood
-- Guarantees: every ballot that stood comes at least once, always with the same value (HSCAN gives every field
-- that is there from first to last; no field is ever taken out of a bucket). A page is some RECOUNT_PAGE_SIZE
-- ballots, so that votes wait a millisecond or two, however many there are.

local RECOUNT_PAGE_SIZE = 1000

-- Puts what was set aside in the place of what was written since.
local function restore_saved(saved_key, flat)
  local names = {}
  for index = 1, #flat, 2 do
    names[#names + 1] = flat[index]
  end
  for from = 1, #names, CHUNK do
    local upto = math.min(from + CHUNK - 1, #names)
    local kept = redis.call('HMGET', saved_key, unpack(names, from, upto))
    for place = 1, #kept do
      if kept[place] then
        flat[2 * (from + place - 1)] = kept[place]
      end
    end
  end
end

local function recount_page(keys, args)
  local token, bucket, cursor = unpack(args)
  local now = now_ms()
  local _, current = active_recount(keys[1], redis.call('HGET', keys[1], 'recount'), now)
  if current ~= token then
    return {STALE}
  end
  extend_recount(keys[1], tonumber(bucket), token, now)
  local page = redis.call('HSCAN', keys[3], cursor, 'COUNT', RECOUNT_PAGE_SIZE)
  if #page[2] > 0 and redis.call('EXISTS', keys[4]) == 1 then
    restore_saved(keys[4], page[2])
  end
  return {DONE, page[1], page[2]}
end

register('recount_page', recount_page)
