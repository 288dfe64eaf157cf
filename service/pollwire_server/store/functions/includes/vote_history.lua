-- History of changed votes in a prediction: what a voter had chosen before, and since when. A resolution scores the
-- vote that was current at its effective time, so a voter who learns the outcome early cannot escape a score by
-- changing or withdrawing the vote.
--
-- A hash: voter -> entries in order, each with at (6 bytes, ms), length of the code (1 byte) and code (empty for a
-- withdrawn vote). An entry is written when a vote is replaced or withdrawn, so voters who never change have none.

local vote_history = {}

do

local HISTORY_HEAD = '>I6B'
local HISTORY_HEAD_BYTES = 7
local MAX_HISTORY_ENTRIES = 100

local function append_entry(text, stored)
  local _, at, code = unpack_ballot(stored)
  return text .. struct.pack(HISTORY_HEAD, at, #code) .. code
end

-- Return true if no more changes of the voter can be stored.
function vote_history.is_full(text)
  local number, from = 0, 1
  while from <= #text do
    local _, length = struct.unpack(HISTORY_HEAD, text, from)
    number, from = number + 1, from + HISTORY_HEAD_BYTES + length
  end
  return number >= MAX_HISTORY_ENTRIES
end

-- Histories of the voters with a stored ballot (a table by voter): voter -> text.
function vote_history.read(history_key, stored)
  local voters, found = {}, {}
  for voter in pairs(stored) do
    voters[#voters + 1] = voter
  end
  for from = 1, #voters, CHUNK do
    local upto = math.min(from + CHUNK - 1, #voters)
    for place, text in ipairs(redis.call('HMGET', history_key, unpack(voters, from, upto))) do
      found[voters[from + place - 1]] = text or ''
    end
  end
  return found
end

-- Add the replaced ballot of one voter.
function vote_history.add(history_key, voter, stored)
  local text = redis.call('HGET', history_key, voter) or ''
  redis.call('HSET', history_key, voter, append_entry(text, stored))
end

-- Code of the vote that was current at an instant, from its stored ballot and its history; '' if there was none.
function vote_history.code_at(stored, text, instant)
  local _, at, code = unpack_ballot(stored)
  if at <= instant then
    return code
  end
  local found, from = '', 1
  while from <= #text do
    local since, length = struct.unpack(HISTORY_HEAD, text, from)
    if since > instant then
      break
    end
    from = from + HISTORY_HEAD_BYTES
    found, from = text:sub(from, from + length - 1), from + length
  end
  return found
end

vote_history.append_entry = append_entry

end
