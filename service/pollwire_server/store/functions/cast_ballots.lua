-- cast_ballots: check and count ballots of one poll, in order, in one step.
--
-- KEYS  poll, tally, 16 buckets, rankings, recount_saved, timeline, outbox, rate_limits, tags, history, scored_voters
-- ARGV  channel, poll id, stamp of the caller's poll version, seen epoch, seen seq,
--       networks: '' if none is known; else the limit as a number of votes (4 bytes, big-endian; 0: no limit) in a
--       number of seconds (4 bytes), then 8 bytes for each ballot (zeros: not limited),
--       tags: '' if the poll stores none; else 4 bytes for each ballot (zeros: unknown),
--       '1' if the poll is a prediction, which stores the history of changed votes ('' otherwise),
--       then for each ballot: voter (16 bytes), expected revision plus one (3 bytes, big-endian; 0: any), code
-- Returns
--   {'gone'}   no such poll
--   {'stale'}  the stamp is of another version; nothing was written, and the caller must decode its ballots again
--   {'done', now, epoch, seq before, closed_at (-1: not closed), outcomes, stored...}
--       outcomes: one letter for each ballot (includes/reply_codes.lua)
--       stored: in order, the current value for each outcome except COUNTED, NOT_OPEN and CLOSED:
--       revision (3 bytes), at (6 bytes, ms), code ('' for no choice)
--       For OPTION_FULL the code is the letter of the full option. For RATE_LIMITED the code is '', and at is
--       the time of the network's next vote. COUNTED needs none: revision 1, at now.
--       COUNTED, COUNTED_AGAIN and CHANGED each raise seq by one.
-- Guarantees
--   One vote for each voter, also within a batch. The current vote is compared first: the same choice is UNCHANGED in
--   any phase. The store's clock decides the window once for the batch. A poll that was seen closed stays closed.
--   In open polls the voter field is an idempotency key. It expires after 24 hours: the old vote still counts,
--   under a field that no key can reach (voter and time), and the new ballot counts as a new vote.
--   An option never exceeds its capacity. A voter who chose it before needs no new place.
--   Per-network vote limit. Unchanged and rejected votes do not count towards it.
--   All checks come before the first write, because functions do not roll back. Any change publishes one
--   notification.
-- Cost: one HMGET and one HSET for each bucket used, one HINCRBY for each count changed, and sometimes a point of the
-- timeline (includes/timeline.lua).

local CAST_HEAD = 8
local RATE_LIMIT_HEAD = '>I4I4'
local RATE_LIMIT_HEAD_BYTES = 8
local EXPECTED_FROM = VOTER_BYTES + 1
local CODE_FROM = VOTER_BYTES + 4
local KEY_LIFETIME_MS = 24 * 60 * 60 * 1000

-- Return the voter of each ballot in order, and the voters by bucket.
local function group_voters(args)
  local voters, by_bucket = {}, {}
  for position = CAST_HEAD + 1, #args do
    local voter = args[position]:sub(1, VOTER_BYTES)
    local bucket = bucket_of(voter)
    local requested = by_bucket[bucket] or {}
    by_bucket[bucket] = requested
    requested[#requested + 1] = voter
    voters[position - CAST_HEAD] = voter
  end
  return voters, by_bucket
end

-- Return the rate limit with the state of the networks in the text; nil if there is no limit.
local function read_rate_limit(key, text)
  local count, seconds = 0, 0
  if text ~= '' then
    count, seconds = struct.unpack(RATE_LIMIT_HEAD, text)
  end
  if count == 0 then
    return nil
  end
  local limit, networks = new_rate_limit(count, seconds), {}
  for position = RATE_LIMIT_HEAD_BYTES + 1, #text, NETWORK_BYTES do
    networks[text:sub(position, position + NETWORK_BYTES - 1)] = true
  end
  networks[NO_NETWORK] = nil
  read_full_at(key, limit, networks)
  return limit
end

local function network_at(text, position)
  local from = RATE_LIMIT_HEAD_BYTES + (position - 1) * NETWORK_BYTES
  return text:sub(from + 1, from + NETWORK_BYTES)
end

-- Take a token for the ballot at this position. Return the wait in ms if there is none.
local function take_vote_token(batch, position)
  local network = batch.limit and network_at(batch.networks, position) or NO_NETWORK
  if network ~= NO_NETWORK then
    return take_token(batch.limit, network, batch.now)
  end
end

-- Return the outcome of a rejected ballot; nil if it can be counted.
local function rejection(rules, ballot, revision, choice)
  if rules.phase == SCHEDULED_PHASE then
    return OUTCOME_NOT_OPEN
  elseif rules.phase ~= OPEN_PHASE then
    return OUTCOME_CLOSED
  elseif choice ~= '' and rules.is_open_to_all then
    return OUTCOME_KEY_REUSED
  elseif choice ~= '' and rules.revote == 'never' then
    return OUTCOME_ALREADY_VOTED
  end
  local expected = decode_expected_revision(ballot, EXPECTED_FROM)
  if expected and expected ~= revision then
    return OUTCOME_STALE_REVISION
  end
end

-- Move the vote of an expired key to another field, where it still counts. The key is free again.
local function release_expired_key(batch, voter, at)
  batch.writes[voter .. struct.pack('>I6', at)] = batch.stored[voter]
  batch.stored[voter] = nil
end

-- Return the stored value of a first vote. Equal choices of one batch share it.
local function first_value(batch, code)
  local value = batch.first[code] or pack_ballot(1, batch.now, code)
  batch.first[code] = value
  return value
end

local function count(batch, voter, code, revision, choice)
  local value = revision == 0 and first_value(batch, code) or pack_ballot(revision + 1, batch.now, code)
  if batch.history and revision > 0 then
    batch.history[voter] = vote_history.append_entry(batch.history[voter] or '', batch.stored[voter])
    batch.changed_history[voter] = batch.history[voter]
  end
  batch.stored[voter], batch.writes[voter] = value, value
  local deltas, counting = batch.deltas, batch.counting
  count_code(deltas, counting, code, 1)
  deltas.seq = deltas.seq + 1
  if choice ~= '' then
    count_code(deltas, counting, choice, -1)
    return OUTCOME_CHANGED
  end
  deltas.voters = deltas.voters + 1
  return revision == 0 and OUTCOME_COUNTED or OUTCOME_COUNTED_AGAIN
end

local function process_ballot(batch, rules, voter, ballot, position)
  local code = ballot:sub(CODE_FROM)
  local revision, at, choice = unpack_ballot(batch.stored[voter])
  local has_key = rules.is_open_to_all and rules.phase == OPEN_PHASE and choice ~= ''
  local key_expired = has_key and batch.now - at >= KEY_LIFETIME_MS
  if key_expired then
    revision, choice = 0, ''
  elseif choice == code then
    return OUTCOME_UNCHANGED
  end
  local rejected = rejection(rules, ballot, revision, choice)
  if rejected then
    return rejected
  end
  if batch.history and revision > 0 and vote_history.is_full(batch.history[voter] or '') then
    return OUTCOME_CHANGES_USED
  end
  local full = batch.left and first_full_option(batch.left, batch.deltas, code, choice)
  if full then
    return OUTCOME_OPTION_FULL, pack_ballot(revision, at, full)
  end
  local wait = take_vote_token(batch, position)
  if wait then
    return OUTCOME_RATE_LIMITED, pack_ballot(revision, batch.now + math.ceil(wait), '')
  end
  if key_expired then
    release_expired_key(batch, voter, at)
  end
  return count(batch, voter, code, revision, choice)
end

local NEEDS_NO_DETAIL = {[OUTCOME_COUNTED] = true, [OUTCOME_NOT_OPEN] = true, [OUTCOME_CLOSED] = true}

-- Return the state of one call: the current votes and limits, and the changes that ballots cause.
local function new_batch(keys, now, by_bucket, capacity, counting, networks)
  return {
    now = now,
    stored = read_ballots(keys, by_bucket),
    left = remaining_capacity(keys[2], capacity),
    networks = networks,
    limit = read_rate_limit(keys[RATE_LIMITS], networks),
    counting = counting,
    first = {},
    writes = {},
    deltas = {seq = 0, voters = 0},
  }
end

-- Return the outcome letters. Append to the reply the current value for each outcome that needs it.
local function process_ballots(batch, rules, voters, args, reply)
  local outcomes = {}
  for position, voter in ipairs(voters) do
    local outcome, detail = process_ballot(batch, rules, voter, args[CAST_HEAD + position], position)
    outcomes[position] = outcome
    if not NEEDS_NO_DETAIL[outcome] then
      reply[#reply + 1] = detail or batch.stored[voter] or pack_ballot(0, 0, '')
    end
  end
  return table.concat(outcomes)
end

local STORES_TAG = {[OUTCOME_COUNTED] = true, [OUTCOME_COUNTED_AGAIN] = true, [OUTCOME_CHANGED] = true}

-- Store the network tags of counted ballots. A vote that moved to another field keeps its own tag.
local function store_tags(tags_key, batch, voters, outcomes, tags)
  local latest = {}
  for position, voter in ipairs(voters) do
    if STORES_TAG[outcomes:sub(position, position)] then
      latest[voter] = tags:sub((position - 1) * TAG_BYTES + 1, position * TAG_BYTES)
    end
  end
  for field in pairs(batch.writes) do
    if #field > VOTER_BYTES then
      copy_tag(tags_key, field:sub(1, VOTER_BYTES), field)
    end
  end
  write_tags(tags_key, latest)
end

local function cast_ballots(keys, args)
  local channel, poll_id, stamp, seen_epoch, seen_seq, networks, tags, is_prediction = unpack(args, 1, CAST_HEAD)
  local current = stamp_of(keys[1])
  if current ~= stamp then
    return {current and STALE or GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  local policies = redis.call('HMGET', keys[1], 'revote', 'identity', 'version', 'capacity', 'ranked', 'recount',
    'timeline', 'forecast')
  local rules = {phase = phase, revote = policies[1], is_open_to_all = policies[2] == 'open'}
  local epoch, seq = position_at(keys[2], seen_epoch, seen_seq, now)
  local voters, by_bucket = group_voters(args)
  local batch = new_batch(keys, now, by_bucket, policies[4], new_counting(policies[5], policies[8]), networks)
  if is_prediction ~= '' and not rules.is_open_to_all then
    batch.history, batch.changed_history = vote_history.read(keys[HISTORY], batch.stored), {}
  end
  local reply = {DONE, now, epoch, seq, window.closed_at or -1, ''}
  reply[6] = process_ballots(batch, rules, voters, args, reply)
  if batch.deltas.seq > 0 then
    save_for_recount(keys, batch.writes, policies[6], now)
    write_ballots(keys, batch.writes)
    for voter, text in pairs(batch.changed_history or {}) do
      redis.call('HSET', keys[HISTORY], voter, text)
    end
    if batch.limit then
      write_full_at(keys[RATE_LIMITS], batch.limit, now)
    end
    if tags ~= '' then
      store_tags(keys[TAGS], batch, voters, reply[6], tags)
    end
    record_timeline_point(keys[1], keys[2], keys[TIMELINE], policies[7], now)
    add_counts(keys[2], batch.deltas, batch.counting)
    add_rankings(keys[RANKINGS], batch.counting)
    publish_change(channel, poll_id, policies[3], epoch, seq + batch.deltas.seq)
  end
  return reply
end

register('cast_ballots', cast_ballots)
