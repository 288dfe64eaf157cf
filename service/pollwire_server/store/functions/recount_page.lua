-- recount_page: return ballots of one bucket as they were when the recount began.
--
-- KEYS  poll, tally, bucket, recount_saved
-- ARGV  token, index of the bucket in the poll's keys (from 1), cursor ('0' to begin)
-- Returns
--   {'stale'}  the recount has expired, or the ballots were reset, archived or deleted
--   {'done', next cursor ('0': end), {field, value, ...}}  value: '' if there was no ballot
-- Guarantees: every ballot is returned at least once, always with the same value. HSCAN returns every field
-- that exists throughout, and only erase_vote, which ends a recount, deletes fields. A page has about
-- RECOUNT_PAGE_SIZE ballots, so that votes wait for a millisecond or two.

local RECOUNT_PAGE_SIZE = 1000

-- Replace values that changed since the recount began by their saved ones.
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
