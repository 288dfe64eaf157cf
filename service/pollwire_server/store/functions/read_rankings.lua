-- read_rankings: return a page of a ranked poll's rankings with their numbers of voters, and the totals.
--
-- KEYS  poll, tally, rankings
-- ARGV  stamp of the caller's version ('' none), seen epoch, seen seq, cursor ('0' to begin)
-- Returns {'gone'}, or {'done', snapshot, next cursor ('0': end), {ranking, voters, ...}}
-- Guarantees: pages with equal epoch and seq belong to one instant. HSCAN returns every field of an unchanged
-- hash, some perhaps twice. A page has at most about RANKINGS_PAGE_SIZE rankings, so that votes wait for a few
-- milliseconds. Otherwise as read_poll.
-- read_rankings_only: as read_poll_only.

local RANKINGS_PAGE_SIZE = 5000

local function read_rankings(keys, args, is_read_only)
  local answer = read_poll(keys, args, is_read_only)
  if answer[1] == DONE then
    local page = redis.call('HSCAN', keys[3], args[4], 'COUNT', RANKINGS_PAGE_SIZE)
    answer[3], answer[4] = page[1], page[2]
  end
  return answer
end

register('read_rankings', read_rankings, {'allow-oom'})
register('read_rankings_only', function(keys, args) return read_rankings(keys, args, true) end, {'no-writes'})
