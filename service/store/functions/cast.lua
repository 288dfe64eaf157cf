-- cast: ballots of one poll are judged and counted, in order, in one step.
--
-- KEYS  poll, tally, 16 buckets
-- ARGV  channel, poll id, stamp judged by, seen epoch, seen seq, then a ballot each:
--       voter (16 bytes), revision to be replaced plus one (3 bytes, big-endian; 0 names none), code
-- Answers
--   {'gone'}
--   {'stale'}  the caller's codes come from another version of the poll; nothing was written: judge again
--   {'done', now, epoch, seq before, closed_at (-1: not closed), outcomes, held...}
--       outcomes: one letter a ballot (includes/answers.lua)
--       held: in order, for each letter but COUNTED, NOT_OPEN and CLOSED, the value that stands after the ballot:
--       revision (3 bytes), at (6 bytes, ms), code ('' where none stands)
--       COUNTED needs none: revision 1, at now. COUNTED, COUNTED_AGAIN and CHANGED each raise seq by one.
-- Guarantees
--   One vote a voter, also within a batch. The standing choice comes first: the same again is UNCHANGED in any phase.
--   The window is judged by the store's clock, once for the batch; seen closed, it stays closed.
--   On open polls a ballot's voter is an idempotency key, which forgets after 24 hours: the older vote goes on
--   counting under a name that no key can reach (its voter and its instant), and the ballot counts anew.
--   Everything is judged before the first write (functions do not roll back). One notice if anything changed.
-- Costs one HMGET and one HSET for each bucket touched, one HINCRBY for each count changed.

local CAST_HEAD = 5
local EXPECTED_FROM = VOTER_BYTES + 1
local CODE_FROM = VOTER_BYTES + 4
local KEY_LIVES_MS = 24 * 60 * 60 * 1000

local function voters_by_bucket(args)
  local wanted, met = {}, {}
  for position = CAST_HEAD + 1, #args do
    local voter = string.sub(args[position], 1, VOTER_BYTES)
    if not met[voter] then
      met[voter] = true
      local bucket = bucket_of(voter)
      local voters = wanted[bucket] or {}
      wanted[bucket] = voters
      voters[#voters + 1] = voter
    end
  end
  return wanted
end

-- Why this ballot is not counted, or nil where it is.
local function refusal(rules, expected, revision, choice)
  if rules.phase == SCHEDULED then
    return NOT_OPEN
  elseif rules.phase == OVER then
    return CLOSED
  elseif choice ~= '' and rules.is_open_to_all then
    return KEY_REUSED
  elseif choice ~= '' and rules.revote == 'never' then
    return ALREADY_VOTED
  elseif expected and expected ~= revision then
    return STALE_REVISION
  end
end

-- Sets an outlived key's vote aside, still counted; the key is free again.
local function set_aside(batch, voter, at)
  batch.writes[voter .. struct.pack('>I6', at)] = batch.held[voter]
  batch.held[voter] = nil
end

local function count(batch, voter, code, revision, choice)
  local value = packed(revision + 1, batch.now, code)
  batch.held[voter], batch.writes[voter] = value, value
  count_letters(batch.deltas, choice, -1)
  count_letters(batch.deltas, code, 1)
  batch.deltas.seq = batch.deltas.seq + 1
  if choice ~= '' then
    return CHANGED
  end
  batch.deltas.voters = batch.deltas.voters + 1
  return revision == 0 and COUNTED or COUNTED_AGAIN
end

local function judge(batch, rules, ballot)
  local voter, code = string.sub(ballot, 1, VOTER_BYTES), string.sub(ballot, CODE_FROM)
  local revision, at, choice = unpacked(batch.held[voter])
  local outlived = rules.is_open_to_all and rules.phase == OPEN and choice ~= '' and batch.now - at >= KEY_LIVES_MS
  if outlived then
    set_aside(batch, voter, at)
    revision, choice = 0, ''
  elseif choice == code then
    return UNCHANGED, voter
  end
  local refused = refusal(rules, expected_in(ballot, EXPECTED_FROM), revision, choice)
  return refused or count(batch, voter, code, revision, choice), voter
end

local NEEDS_NO_DETAIL = {[COUNTED] = true, [NOT_OPEN] = true, [CLOSED] = true}

-- The outcome letters, and in the reply's tail what stands for each that needs it.
local function judge_all(batch, rules, args, reply)
  local outcomes = {}
  for position = CAST_HEAD + 1, #args do
    local outcome, voter = judge(batch, rules, args[position])
    outcomes[position - CAST_HEAD] = outcome
    if not NEEDS_NO_DETAIL[outcome] then
      reply[#reply + 1] = batch.held[voter] or packed(0, 0, '')
    end
  end
  return table.concat(outcomes)
end

local function cast(keys, args)
  local channel, poll_id, stamp, seen_epoch, seen_seq = unpack(args, 1, CAST_HEAD)
  local standing = stamp_of(keys[1])
  if standing ~= stamp then
    return {standing and STALE or GONE}
  end
  local now, window = now_ms(), window_of(keys[1])
  local phase = latched_phase(keys[1], window, now)
  local policies = redis.call('HMGET', keys[1], 'revote', 'identity', 'version')
  local rules = {phase = phase, revote = policies[1], is_open_to_all = policies[2] == 'open'}
  local epoch, seq = position_at(keys[2], seen_epoch, seen_seq, now)
  local batch = {now = now, held = read_held(keys, voters_by_bucket(args)), writes = {}, deltas = {seq = 0, voters = 0}}
  local reply = {DONE, now, epoch, seq, window.closed_at or -1, ''}
  reply[6] = judge_all(batch, rules, args, reply)
  if batch.deltas.seq > 0 then
    write_held(keys, batch.writes)
    add_counts(keys[2], batch.deltas)
    give_notice(channel, poll_id, policies[3], epoch, seq + batch.deltas.seq)
  end
  return reply
end

register('cast', cast)
