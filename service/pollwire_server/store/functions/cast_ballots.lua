-- cast_ballots: ballots of one poll are judged and counted, in order, in one step.
--
-- KEYS  poll, tally, 16 buckets, rankings, aside, timeline, outbox, allowances, tags
-- ARGV  channel, poll id, stamp judged by, seen epoch, seen seq,
--       networks ('': nobody's is known; else how many votes (4 bytes, big-endian; 0: any number) in how many seconds
--       (4 bytes) one network has, then 8 bytes for each ballot, of zeros where it is not limited),
--       tags ('': the poll keeps none; else 4 bytes for each ballot, of zeros where it is not known), then a ballot each:
--       voter (16 bytes), revision to be replaced plus one (3 bytes, big-endian; 0 names none), code
-- Returns
--   {'gone'}
--   {'stale'}  the caller's codes come from another version of the poll; nothing was written: judge again
--   {'done', now, epoch, seq before, closed_at (-1: not closed), outcomes, held...}
--       outcomes: one letter a ballot (includes/answers.lua)
--       held: in order, for each letter but OUTCOME_COUNTED, OUTCOME_NOT_OPEN and OUTCOME_CLOSED, the value that stands after the ballot:
--       revision (3 bytes), at (6 bytes, ms), code ('' where none stands)
--       Of OUTCOME_OPTION_FULL the code is the letter of the option that is full; of OUTCOME_RATE_LIMITED it is '', and at is when
--       there is a vote for the network again.
--       OUTCOME_COUNTED needs none: revision 1, at now. OUTCOME_COUNTED, OUTCOME_COUNTED_AGAIN and OUTCOME_CHANGED each raise seq by one.
-- Guarantees
--   One vote a voter, also within a batch. The standing choice comes first: the same again is OUTCOME_UNCHANGED in any phase.
--   The window is judged by the store's clock, once for the batch; seen closed, it stays closed.
--   On open polls a ballot's voter is an idempotency key, which forgets after 24 hours: the older vote goes on
--   counting under a name that no key can reach (its voter and its instant), and the ballot counts anew.
--   An option with a capacity never has more voters than that; a voter who chose it already needs no new place.
--   A network has no more votes than it may, OUTCOME_UNCHANGED and what is refused not being any.
--   Everything is judged before the first write (functions do not roll back). One notice if anything changed.
-- Costs one HMGET and one HSET for each bucket touched, one HINCRBY for each count changed;
-- now and then a point of the timeline (includes/timeline.lua).

local CAST_HEAD = 7
local RATE_LIMIT_HEAD = '>I4I4'
local RATE_LIMIT_HEAD_BYTES = 8
local EXPECTED_FROM = VOTER_BYTES + 1
local CODE_FROM = VOTER_BYTES + 4
local KEY_LIFETIME_MS = 24 * 60 * 60 * 1000

-- The voter of each ballot in order, and all of them by the bucket to look into.
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

-- The networks of the ballots, and what they may; nil where they may do as they please.
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

-- Takes a vote from the network of the ballot at this position; the ms to wait where it has none.
local function take_vote_token(batch, position)
  local network = batch.limit and network_at(batch.networks, position) or NO_NETWORK
  if network ~= NO_NETWORK then
    return take_token(batch.limit, network, batch.now)
  end
end

-- Why this ballot is not counted, or nil where it is.
local function refusal(rules, ballot, revision, choice)
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

-- Sets an outlived key's vote aside, still counted; the key is free again.
local function release_expired_key(batch, voter, at)
  batch.writes[voter .. struct.pack('>I6', at)] = batch.stored[voter]
  batch.stored[voter] = nil
end

-- The value of a first vote, the same for all who chose alike in one batch.
local function first_value(batch, code)
  local value = batch.first[code] or pack_ballot(1, batch.now, code)
  batch.first[code] = value
  return value
end

local function count(batch, voter, code, revision, choice)
  local value = revision == 0 and first_value(batch, code) or pack_ballot(revision + 1, batch.now, code)
  batch.stored[voter], batch.writes[voter] = value, value
  local deltas, rankings = batch.deltas, batch.rankings
  count_code(deltas, rankings, code, 1)
  deltas.seq = deltas.seq + 1
  if choice ~= '' then
    count_code(deltas, rankings, choice, -1)
    return OUTCOME_CHANGED
  end
  deltas.voters = deltas.voters + 1
  return revision == 0 and OUTCOME_COUNTED or OUTCOME_COUNTED_AGAIN
end

local function judge_ballot(batch, rules, voter, ballot, position)
  local code = ballot:sub(CODE_FROM)
  local revision, at, choice = unpack_ballot(batch.stored[voter])
  local key_expired = rules.is_open_to_all and rules.phase == OPEN_PHASE and choice ~= '' and batch.now - at >= KEY_LIFETIME_MS
  if key_expired then
    revision, choice = 0, ''
  elseif choice == code then
    return OUTCOME_UNCHANGED
  end
  local refused = refusal(rules, ballot, revision, choice)
  if refused then
    return refused
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

-- What the ballots of one call are judged against, and what they come to.
local function new_batch(keys, now, by_bucket, capacity, is_ranked, networks)
  return {
    now = now,
    stored = read_ballots(keys, by_bucket),
    left = remaining_capacity(keys[2], capacity),
    networks = networks,
    limit = read_rate_limit(keys[RATE_LIMITS], networks),
    rankings = is_ranked and {} or nil,
    first = {},
    writes = {},
    deltas = {seq = 0, voters = 0},
  }
end

-- The outcome letters, and in the reply's tail what stands for each that needs it.
local function judge_ballots(batch, rules, voters, args, reply)
  local outcomes = {}
  for position, voter in ipairs(voters) do
    local outcome, detail = judge_ballot(batch, rules, voter, args[CAST_HEAD + position], position)
    outcomes[position] = outcome
    if not NEEDS_NO_DETAIL[outcome] then
      reply[#reply + 1] = detail or batch.stored[voter] or pack_ballot(0, 0, '')
    end
  end
  return table.concat(outcomes)
end

local LEAVES_A_TAG = {[OUTCOME_COUNTED] = true, [OUTCOME_COUNTED_AGAIN] = true, [OUTCOME_CHANGED] = true}

-- Keeps where the ballots that counted came from; a vote that was set aside keeps its own.
local function keep_tags(tags_key, batch, voters, outcomes, tags)
  local latest = {}
  for position, voter in ipairs(voters) do
    if LEAVES_A_TAG[outcomes:sub(position, position)] then
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
  local channel, poll_id, stamp, seen_epoch, seen_seq, networks, tags = unpack(args, 1, CAST_HEAD)
  local current = stamp_of(keys[1])
  if current ~= stamp then
    return {current and STALE or GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  local policies = redis.call('HMGET', keys[1], 'revote', 'identity', 'version', 'capacity', 'ranked', 'recount',
    'timeline')
  local rules = {phase = phase, revote = policies[1], is_open_to_all = policies[2] == 'open'}
  local epoch, seq = position_at(keys[2], seen_epoch, seen_seq, now)
  local voters, by_bucket = group_voters(args)
  local batch = new_batch(keys, now, by_bucket, policies[4], policies[5], networks)
  local reply = {DONE, now, epoch, seq, window.closed_at or -1, ''}
  reply[6] = judge_ballots(batch, rules, voters, args, reply)
  if batch.deltas.seq > 0 then
    save_for_recount(keys, batch.writes, policies[6], now)
    write_ballots(keys, batch.writes)
    if batch.limit then
      write_full_at(keys[RATE_LIMITS], batch.limit, now)
    end
    if tags ~= '' then
      keep_tags(keys[TAGS], batch, voters, reply[6], tags)
    end
    record_timeline_point(keys[1], keys[2], keys[TIMELINE], policies[7], now)
    add_counts(keys[2], batch.deltas)
    add_rankings(keys[RANKINGS], batch.rankings or {})
    publish_change(channel, poll_id, policies[3], epoch, seq + batch.deltas.seq)
  end
  return reply
end

register('cast_ballots', cast_ballots)
