-- purge: some ballots of one bucket that were counted within a span of time, or came from one network, are taken out;
-- totals are exact at each step.
--
-- KEYS  poll, tally, 16 buckets, rankings, aside, timeline, outbox, allowances, tags, audit
-- ARGV  channel, poll id, birth of the poll meant, seen epoch, seen seq,
--       from, to (ms: from <= at < to), tag (4 bytes; '' any),
--       the bucket's place among KEYS (0: none, write down what is begun), cursor ('0' to begin), by, note (JSON),
--       how many this purge has taken out before
-- Answers
--   {'gone'}      also where another poll has the id by now
--   {'conflict', phase}  the poll was resolved or archived: its scores, or its results, are final
--   {'done', now, epoch, seq after, next cursor ('0': that was all of the bucket), how many were taken out}
-- Guarantees: a tombstone takes a ballot's place, so that a late retry stays late and a recount agrees. Each raises
-- seq by one. HSCAN gives every ballot that is there from first to last; one taken out already is not met again.
-- The last page of the last bucket writes down that it is done, and tells sites that totals were corrected, in the
-- same step; also where it was an earlier purge, which broke off, that corrected them (the poll's field 'purging').
-- A page is some PAGE_OF_PURGE ballots, so that votes wait some milliseconds.

local PAGE_OF_PURGE = 500
local LAST_BUCKET = RANKINGS - 1

-- What the ballots of a page come to: the tombstones by voter, who they are, and what changes in the totals.
local function taken_out(flat, meant, now, is_ranked)
  local tags = meant.tag ~= '' and tags_on(meant.tags_key, flat)
  local writes, names, deltas, rankings = {}, {}, {seq = 0, voters = 0}, is_ranked and {} or nil
  for index = 1, #flat, 2 do
    local voter = flat[index]
    local revision, at, code = unpacked(flat[index + 1])
    local is_meant = at >= meant.from and at < meant.to and (not tags or tags[(index + 1) / 2] == meant.tag)
    if code ~= '' and is_meant and not writes[voter] then
      writes[voter], names[#names + 1] = packed(revision + 1, now, ''), voter
      deltas.seq, deltas.voters = deltas.seq + 1, deltas.voters - 1
      count_code(deltas, rankings, code, -1)
    end
  end
  return writes, names, deltas, rankings
end

local function note_down(keys, now, by, note)
  tell_hours(keys, now)
  local state = state_of(keys[1], keys[2], now)
  write_down(audit_key_in(keys), {now = now, by = by, act = 'purge', before = state, after = state, change = note})
end

local function end_purge(keys, now, by, note, taken)
  local told = cjson.decode(note)
  told.after.purged = taken
  note_down(keys, now, by, cjson.encode(told))
  if redis.call('HDEL', keys[1], 'purging') > 0 then
    tell(keys, CORRECTED, now, now)
  end
end

local function purge(keys, args)
  local channel, poll_id, birth, seen_epoch, seen_seq, from, to, tag = unpack(args, 1, 8)
  local bucket, cursor, by, note, before = unpack(args, 9)
  local poll = redis.call('HMGET', keys[1], 'birth', 'version', 'ranked', 'recount', 'timeline', 'resolution', 'scoring')
  if poll[1] ~= birth then
    return {GONE}
  end
  local now = now_ms()
  local phase = latched_phase(keys[1], window_of(keys[1]), now)
  if poll[6] or poll[7] or phase == ARCHIVED then
    return {CONFLICT, phase}
  end
  local epoch, seq = position_at(keys[2], seen_epoch, seen_seq, now)
  local place = tonumber(bucket)
  if place == 0 then
    note_down(keys, now, by, note)
    return {DONE, now, epoch, seq, '0', 0}
  end
  local page = redis.call('HSCAN', keys[place], cursor, 'COUNT', PAGE_OF_PURGE)
  local meant = {from = tonumber(from), to = tonumber(to), tag = tag, tags_key = keys[TAGS]}
  local writes, names, deltas, rankings = taken_out(page[2], meant, now, poll[3])
  if deltas.seq > 0 then
    keep_aside(keys, writes, poll[4], now)
    write_held(keys, writes)
    untag(keys[TAGS], names)
    keep_time(keys[1], keys[2], keys[TIMELINE], poll[5], now)
    add_counts(keys[2], deltas)
    add_rankings(keys[RANKINGS], rankings or {})
    redis.call('HSET', keys[1], 'purging', 1)
    give_notice(channel, poll_id, poll[2], epoch, seq + deltas.seq)
  end
  if place == LAST_BUCKET and page[1] == '0' then
    end_purge(keys, now, by, note, tonumber(before) + deltas.seq)
  end
  return {DONE, now, epoch, seq + deltas.seq, page[1], deltas.seq}
end

register('purge', purge)
