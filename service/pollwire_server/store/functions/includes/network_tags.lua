-- Where ballots came from, in polls that ask for it: a hash of its own beside the buckets, ballot's field -> 4 bytes, a
-- keyed hash of the network (identity/networks.py). Of a ballot the tag is that of its latest change; one that came
-- from nobody knows where has none. Polls that do not ask have no such hash, and no vote of theirs looks for it.
--
-- Alternatives. In a ballot's value the tag would change what nine functions read, and four bytes would be paid for
-- by every ballot of every poll; as a second field in its bucket every scan would meet it.

local TAG_BYTES = 4
local NO_TAG = ('\0'):rep(TAG_BYTES)

-- Takes the tags of these fields away.
local function remove_tags(tags_key, fields)
  for from = 1, #fields, CHUNK do
    redis.call('HDEL', tags_key, unpack(fields, from, math.min(from + CHUNK - 1, #fields)))
  end
end

-- The tags of the fields of a page (field, value, ...), in their order; '' where there is none.
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

-- tags: field -> what is known of where its ballot came from.
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

-- The tag of a ballot goes with it to another field.
local function copy_tag(tags_key, from, to)
  local tag = redis.call('HGET', tags_key, from)
  if tag then
    redis.call('HSET', tags_key, to, tag)
  end
end
