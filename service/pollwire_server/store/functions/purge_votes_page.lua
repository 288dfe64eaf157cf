-- purge_votes_page: remove ballots of one bucket that were counted within a time span, or came from one network.
--
-- KEYS  poll, tally, 16 buckets, rankings, recount_saved, timeline, outbox, rate_limits, tags, history, scored_voters, audit
-- ARGV  channel, poll id, incarnation, seen epoch, seen seq,
--       from, to (ms: from <= at < to), tag (4 bytes; '' any),
--       index of the bucket in KEYS (0: none, write the first audit entry), cursor ('0' to begin),
--       name of the operator, note (JSON), number of ballots that this purge removed before
-- Returns
--   {'gone'}             no such poll, or another incarnation
--   {'conflict', phase}  resolved or archived: its scores or results are final
--   {'done', now, epoch, seq after, next cursor ('0': end of the bucket), number of ballots removed}
-- Guarantees
--   Totals are exact after each page. A tombstone replaces each ballot, so that a late retry is still rejected and a
--   recount agrees. Each ballot raises seq by one. HSCAN returns every ballot that exists throughout.
--   The last page of the last bucket writes the second audit entry and adds a corrected event in the same
--   step. It also does so for an earlier purge that was cut off (field 'purging').
--   A page has about PURGE_PAGE_SIZE ballots, so that votes wait for some milliseconds.

local PURGE_PAGE_SIZE = 500
local LAST_BUCKET = RANKINGS - 1

-- Select the ballots to remove. Return tombstones by voter, the voters, and the changes of totals.
local function select_ballots(flat, selector, now, counting)
  local tags = selector.tag ~= '' and read_tags(selector.tags_key, flat)
  local writes, names, deltas = {}, {}, {seq = 0, voters = 0}
  for index = 1, #flat, 2 do
    local voter = flat[index]
    local revision, at, code = unpack_ballot(flat[index + 1])
    local is_meant = at >= selector.from and at < selector.to and (not tags or tags[(index + 1) / 2] == selector.tag)
    if code ~= '' and is_meant and not writes[voter] then
      writes[voter], names[#names + 1] = pack_ballot(revision + 1, now, ''), voter
      deltas.seq, deltas.voters = deltas.seq + 1, deltas.voters - 1
      count_code(deltas, counting, code, -1)
    end
  end
  return writes, names, deltas
end

local function append_purge_audit(keys, now, by, note)
  add_clock_events(keys, now)
  local state = audit_state(keys[1], keys[2], now)
  append_audit(audit_key_in(keys), {now = now, by = by, act = 'purge', before = state, after = state, change = note})
end

local function complete_purge(keys, now, by, note, taken)
  local entry = cjson.decode(note)
  entry.after.purged = taken
  append_purge_audit(keys, now, by, cjson.encode(entry))
  if redis.call('HDEL', keys[1], 'purging') > 0 then
    add_event(keys, CORRECTED_EVENT, now, now)
  end
end

local function purge_votes_page(keys, args)
  local channel, poll_id, incarnation, seen_epoch, seen_seq, from, to, tag = unpack(args, 1, 8)
  local bucket, cursor, by, note, before = unpack(args, 9)
  local poll = redis.call('HMGET', keys[1], 'incarnation', 'version', 'ranked', 'recount', 'timeline', 'resolution',
    'scoring', 'forecast')
  if poll[1] ~= incarnation then
    return {GONE}
  end
  local now = now_ms()
  local phase = latched_phase(keys[1], window_of(keys[1]), now)
  if poll[6] or poll[7] or phase == ARCHIVED_PHASE then
    return {CONFLICT, phase}
  end
  local epoch, seq = position_at(keys[2], seen_epoch, seen_seq, now)
  local place = tonumber(bucket)
  if place == 0 then
    append_purge_audit(keys, now, by, note)
    return {DONE, now, epoch, seq, '0', 0}
  end
  local page = redis.call('HSCAN', keys[place], cursor, 'COUNT', PURGE_PAGE_SIZE)
  local selector = {from = tonumber(from), to = tonumber(to), tag = tag, tags_key = keys[TAGS]}
  local counting = new_counting(poll[3], poll[8])
  local writes, names, deltas = select_ballots(page[2], selector, now, counting)
  if deltas.seq > 0 then
    save_for_recount(keys, writes, poll[4], now)
    write_ballots(keys, writes)
    remove_tags(keys[TAGS], names)
    remove_tags(keys[HISTORY], names)
    record_timeline_point(keys[1], keys[2], keys[TIMELINE], poll[5], now)
    add_counts(keys[2], deltas, counting)
    add_rankings(keys[RANKINGS], counting)
    redis.call('HSET', keys[1], 'purging', 1)
    publish_change(channel, poll_id, poll[2], epoch, seq + deltas.seq)
  end
  if place == LAST_BUCKET and page[1] == '0' then
    complete_purge(keys, now, by, note, tonumber(before) + deltas.seq)
  end
  return {DONE, now, epoch, seq + deltas.seq, page[1], deltas.seq}
end

register('purge_votes_page', purge_votes_page)
