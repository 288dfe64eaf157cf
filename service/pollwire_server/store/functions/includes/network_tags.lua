-- Network tags of ballots, for polls that store them: a hash beside the buckets, field of the ballot -> 4
-- bytes, a keyed hash of the network (auth/networks.py). The tag is that of the latest change. Ballots from an
-- unknown network have none. Other polls have no such hash, and their votes never look for it.
--
-- Alternatives. A tag inside the ballot's value would change what nine functions read, and cost every ballot of every
-- poll four bytes. A second field in the bucket would be returned by every scan.

local TAG_BYTES = 4
local NO_TAG = ('\0'):rep(TAG_BYTES)

-- Delete the tags of these fields.
local function remove_tags(tags_key, fields)
  for from = 1, #fields, CHUNK do
    redis.call('HDEL', tags_key, unpack(fields, from, math.min(from + CHUNK - 1, #fields)))
  end
end

-- Tags of the fields of a page (field, value, ...), in their order; '' if none.
local function read_tags(tags_key, flat)
  local tags = {}
  for from = 1, #flat, 2 * CHUNK do
    local fields = {}
    for index = from, math.min(from + 2 * CHUNK, #flat) - 1, 2 do
      fields[#fields + 1] = flat[index]
    end
    for _, tag in ipairs(redis.call('HMGET', tags_key, unpack(fields))) do
      tags[#tags + 1] = tag or ''
    end
  end
  return tags
end

-- Write tags: field -> tag of its ballot.
local function write_tags(tags_key, tags)
  local written, unknown = {}, {}
  for field, tag in pairs(tags) do
    if tag == NO_TAG then
      unknown[#unknown + 1] = field
    else
      written[#written + 1] = field
      written[#written + 1] = tag
    end
  end
  for from = 1, #written, CHUNK do
    redis.call('HSET', tags_key, unpack(written, from, math.min(from + CHUNK - 1, #written)))
  end
  remove_tags(tags_key, unknown)
end

-- Copy the tag of a ballot to another field.
local function copy_tag(tags_key, from, to)
  local tag = redis.call('HGET', tags_key, from)
  if tag then
    redis.call('HSET', tags_key, to, tag)
  end
end
