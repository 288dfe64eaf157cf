-- score_page: score a page of ballots of one bucket, or subtract their scores.
--
-- KEYS  poll, tally, every other key of the poll, the keys of its series, audit
-- ARGV  channel, poll id, value of the poll's field 'scoring' that this step continues
-- Returns
--   {'gone'}              no such poll
--   {'stale'}             another step has continued from there; nothing was written
--   {'in_progress', ...}  as resolve_prediction: more pages are left
--   {'done', snapshot}    complete; the poll is resolved, or all its scores are subtracted
-- Guarantees: each ballot is scored once, however often a step is sent. The field is compared and written in the same
-- step. HSCAN can return a field twice, so the scored voters of a bucket are stored until the bucket is complete.
-- A pick scores if it was last changed at effective_at or before. A page has about SCORE_PAGE_SIZE ballots, so
-- that votes in other polls wait for a few milliseconds.

local SCORE_PAGE_SIZE = 400

-- Picks on a page of HSCAN that are not scored yet: voter -> 1 (right) or 0 (wrong), and the number of ballots.
local function read_picks(keys, flat, outcome, effective_at)
  local voters, fresh, number = {}, {}, 0
  for index = 1, #flat, 2 do
    voters[#voters + 1] = flat[index]
  end
  for from = 1, #voters, CHUNK do
    local upto = math.min(from + CHUNK - 1, #voters)
    local met = redis.call('SMISMEMBER', keys[SCORED_VOTERS], unpack(voters, from, upto))
    redis.call('SADD', keys[SCORED_VOTERS], unpack(voters, from, upto))
    for place = from, upto do
      local _, at, code = unpack_ballot(flat[2 * place])
      if met[place - from + 1] == 0 and code ~= '' then
        number = number + 1
        if at <= effective_at then
          fresh[voters[place]] = code == outcome and 1 or 0
        end
      end
    end
  end
  return fresh, number
end

-- Add one pick to a voter's score, or subtract it (delta -1).
local function add_score(keys, voter, right, delta)
  local stored = redis.call('HGET', keys[SCORES], voter)
  local was_right, forecasts = 0, 0
  if stored then
    was_right, forecasts = struct.unpack(SCORE, stored)
  end
  right, forecasts = was_right + delta * right, forecasts + delta
  if forecasts == 0 then
    redis.call('HDEL', keys[SCORES], voter)
    redis.call('ZREM', keys[RANKS], voter)
  else
    redis.call('HSET', keys[SCORES], voter, struct.pack(SCORE, right, forecasts))
    redis.call('ZADD', keys[RANKS], string.format('%.17g', wilson_lower_bound(right, forecasts)), voter)
  end
end

-- Complete the scoring or its reversal.
local function finish(keys, sign, now)
  if sign == '+' then
    local verdict = redis.call('HGET', keys[1], 'verdict')
    complete_resolution(keys, verdict, cjson.decode(verdict).by, now)
  else
    clear_passed_deadline(keys, now)
    redis.call('HDEL', keys[1], 'scoring')
    redis.call('HINCRBY', keys[1], 'version', 1)
  end
end

local function score_page(keys, args)
  local channel, poll_id, from = unpack(args)
  local stored = redis.call('HMGET', keys[1], 'version', 'scoring')
  if not stored[1] then
    return {GONE}
  elseif stored[2] ~= from then
    return {STALE}
  end
  local now, sign, outcome, effective_at, place, cursor, done, total = now_ms(), from:match(SCORING)
  local page = redis.call('HSCAN', keys[tonumber(place)], cursor, 'COUNT', SCORE_PAGE_SIZE)
  local fresh, number = read_picks(keys, page[2], outcome, tonumber(effective_at))
  for voter, right in pairs(fresh) do
    add_score(keys, voter, right, sign == '+' and 1 or -1)
  end
  if page[1] == '0' then
    redis.call('UNLINK', keys[SCORED_VOTERS])
    place = place + 1
  end
  if place == RANKINGS then
    finish(keys, sign, now)
    return publish_and_reply(keys, channel, poll_id, now)
  end
  local text = table.concat({sign, outcome, effective_at, place, page[1], done + number, total}, ' ')
  redis.call('HSET', keys[1], 'scoring', text)
  return {IN_PROGRESS, decode_scoring(text)}
end

register('score_page', score_page)
