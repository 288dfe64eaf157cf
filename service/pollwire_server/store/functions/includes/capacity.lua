-- How many voters an option may have at one time, where that is bounded.
--
-- A poll's field 'capacity' has a letter and a number for each option that is ('A30B12'); without one, any number.

-- Calls back with the letter, the capacity and the votes counted now of each option that has a capacity.
local function for_each_capacity(tally_key, text, callback)
  for letter, capacity in text:gmatch('(%a)(%d+)') do
    callback(letter, tonumber(capacity), tonumber(redis.call('HGET', tally_key, letter) or 0))
  end
end

-- The places left, by letter; nil where no option has a capacity.
local function remaining_capacity(tally_key, text)
  if not text then
    return nil
  end
  local left = {}
  for_each_capacity(tally_key, text, function(letter, capacity, votes)
    left[letter] = capacity - votes
  end)
  return left
end

-- The first letter of the code that has no place left for a voter of another choice; counted: what has been
-- counted since the places were.
local function first_full_option(left, counted, code, choice)
  for position = 1, #code do
    local letter = code:sub(position, position)
    local places = left[letter]
    if places and places <= (counted[letter] or 0) and not choice:find(letter, 1, true) then
      return letter
    end
  end
end

-- The letter of an option that more have chosen than the text allows, and their number.
local function option_over_capacity(tally_key, text)
  local found, number
  for_each_capacity(tally_key, text, function(letter, capacity, votes)
    if votes > capacity then
      found, number = letter, votes
    end
  end)
  return found, number
end
