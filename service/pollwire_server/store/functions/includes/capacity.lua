-- Capacity of options: the maximum number of voters at one time.
--
-- A poll's field 'capacity' has a letter and a number for each limited option ('A30B12').

-- Call back with the letter, the capacity and the current votes of each limited option.
local function for_each_capacity(tally_key, text, callback)
  for letter, capacity in text:gmatch('(%a)(%d+)') do
    callback(letter, tonumber(capacity), tonumber(redis.call('HGET', tally_key, letter) or 0))
  end
end

-- Free places by letter; nil if no option is limited.
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

-- The first letter of the code that is full for a voter with another choice. counted: votes of this batch.
local function first_full_option(left, counted, code, choice)
  for position = 1, #code do
    local letter = code:sub(position, position)
    local places = left[letter]
    if places and places <= (counted[letter] or 0) and not choice:find(letter, 1, true) then
      return letter
    end
  end
end

-- The letter and the votes of an option with more votes than the text allows.
local function option_over_capacity(tally_key, text)
  local found, number
  for_each_capacity(tally_key, text, function(letter, capacity, votes)
    if votes > capacity then
      found, number = letter, votes
    end
  end)
  return found, number
end
