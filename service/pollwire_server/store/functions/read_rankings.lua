-- read_rankings: how many voters gave each ranking of a ranked poll, a page at a time, with the totals beside.
--
-- KEYS  poll, tally, rankings
-- ARGV  stamp the reader holds ('' none), seen epoch, seen seq, cursor ('0' to begin)
-- Returns {'gone'}, or {'done', snapshot, next cursor ('0': that was all), {ranking, voters, ...}}
-- Guarantees: pages whose snapshots have the same epoch and seq are parts of one instant (HSCAN gives every field
-- of a hash that does not change meanwhile; some maybe twice). A page is at most some RANKINGS_PAGE_SIZE rankings, so that
-- votes wait a few milliseconds, however many rankings there are. Otherwise as read.

local RANKINGS_PAGE_SIZE = 5000

local function read_rankings(keys, args)
  local answer = read_poll(keys, args)
  if answer[1] == DONE then
    local page = redis.call('HSCAN', keys[3], args[4], 'COUNT', RANKINGS_PAGE_SIZE)
    answer[3], answer[4] = page[1], page[2]
  end
  return answer
end

register('read_rankings', read_rankings, {'allow-oom'})
