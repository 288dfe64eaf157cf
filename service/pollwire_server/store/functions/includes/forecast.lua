-- Forecasts: their code, their floor and their share of the totals (domain/forecast.py, domain/crowd.py; a test
-- runs both and compares).
--
-- The poll's field 'forecast' has the letters of the outcomes in order ('AB'). Other polls have no such field. A code
-- has 3 bytes (big-endian, millionths) for each outcome without the last one, which is the rest.
--
-- Totals of an outcome with letter X, in the tally: X (voters for whom it is the likeliest), Xp (sum of millionths),
-- Xl (sum of ln q in millionths, rounded half up for each voter), X0 to X136 (histogram of the probabilities). With
-- two outcomes only the first one has a histogram; the other is its mirror image.

local forecasts = {MICRO = 1000000, FLOOR = 0.001}

do  -- keeps the names below out of the library's scope, which Lua limits to 200

local FORECAST_BYTES = 3

-- Probabilities in millionths by outcome.
function forecasts.decode(code)
  local values, rest = {}, forecasts.MICRO
  for from = 1, #code, FORECAST_BYTES do
    local value = struct.unpack('>I3', code, from)
    values[#values + 1], rest = value, rest - value
  end
  values[#values + 1] = rest
  return values
end

-- Index of the likeliest outcome; the first of equal ones.
function forecasts.likeliest(values)
  local best = 1
  for place = 2, #values do
    if values[place] > values[best] then
      best = place
    end
  end
  return best
end

-- Floored probabilities by water-filling: at least FLOOR, and their sum is 1.
function forecasts.apply_floor(values)
  local floored, number, scale = {}, 0, 1
  repeat
    local above, lifted = 0, false
    for place = 1, #values do
      if not floored[place] then
        local share = values[place] / forecasts.MICRO
        if share / scale < forecasts.FLOOR then
          floored[place], number, lifted = true, number + 1, true
        else
          above = above + share
        end
      end
    end
    scale = above / (1 - forecasts.FLOOR * number)
  until not lifted
  local result = {}
  for place = 1, #values do
    result[place] = floored[place] and forecasts.FLOOR or values[place] / forecasts.MICRO / scale
  end
  return result
end

function forecasts.bin_of(micro)
  if micro < 20000 then
    return math.floor((micro + 500) / 1000)
  elseif micro <= 980000 then
    return 20 + math.floor((micro - 15000) / 10000)
  end
  return 116 + math.floor((micro - 979500) / 1000)
end

local function add_delta(deltas, name, delta)
  deltas[name] = (deltas[name] or 0) + delta
end

-- Names of the totals of each outcome, made once for each call; those of bins on first use.
local function total_names(letters)
  local names = {}
  for place = 1, #letters do
    local letter = letters:sub(place, place)
    names[place] = {letter = letter, probabilities = letter .. 'p', logs = letter .. 'l', bins = {}}
  end
  return names
end

-- Add a forecast to the deltas of the totals, or subtract it (delta -1).
function forecasts.count(deltas, counting, code, delta)
  counting.names = counting.names or total_names(counting.letters)
  local values = forecasts.decode(code)
  local floored = forecasts.apply_floor(values)
  for place = 1, #values do
    local names = counting.names[place]
    add_delta(deltas, names.probabilities, delta * values[place])
    add_delta(deltas, names.logs, delta * math.floor(math.log(floored[place]) * forecasts.MICRO + 0.5))
    if #values > 2 or place == 1 then
      local bin = forecasts.bin_of(values[place])
      local name = names.bins[bin] or names.letter .. bin
      names.bins[bin] = name
      add_delta(deltas, name, delta)
    end
  end
  add_delta(deltas, counting.names[forecasts.likeliest(values)].letter, delta)
end

end
